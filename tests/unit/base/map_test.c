#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

typedef struct item {
    minke_map_node_t node;
    bool seen;
} item_t;

static bool contains(const minke_map_t *map, const item_t *item, uint64_t hash)
{
    for (const minke_map_node_t *node = minke__map_first(map, hash); node != NULL; node = minke__map_next(node)) {
        assert_int_equal(node->hash, hash);
        if (node == &item->node) return true;
    }
    return false;
}

enum { ITEMS_N = 1000 };

static item_t items[ITEMS_N];

/* Some hashes are shared, some differ in their upper bits only. */
static uint64_t hash_of(size_t i) { return i % 3 == 0 ? (uint64_t)(i / 9) << 40 : i * 64; }

static void test_insert_find_remove(void **state)
{
    (void)state;
    test_env_t test;
    minke_map_t map;
    test_env_init(&test, 1);
    minke__map_init(&map, &test.env);
    assert_null(minke__map_first(&map, 1));
    assert_null(minke__map_any(&map));
    for (size_t i = 0; i < ITEMS_N; i++) {
        assert_false(contains(&map, &items[i], hash_of(i)));
        assert_int_equal(minke__map_insert(&map, &items[i].node, hash_of(i)), MINKE_OK);
        assert_int_equal(map.count, i + 1);
    }
    for (size_t i = 0; i < ITEMS_N; i++) {
        assert_true(contains(&map, &items[i], hash_of(i)));
        if (i % 2 == 0) minke__map_remove(&map, &items[i].node);
    }
    assert_int_equal(map.count, ITEMS_N / 2);
    for (size_t i = 0; i < ITEMS_N; i++) assert_int_equal(contains(&map, &items[i], hash_of(i)), i % 2 == 1);
    minke__map_free(&map);
    assert_int_equal(test.blocks, 0);
}

static void test_any_reaches_all(void **state)
{
    (void)state;
    test_env_t test;
    minke_map_t map;
    test_env_init(&test, 2);
    minke__map_init(&map, &test.env);
    memset(items, 0, sizeof items);
    for (size_t i = 0; i < ITEMS_N; i++)
        assert_int_equal(minke__map_insert(&map, &items[i].node, hash_of(i)), MINKE_OK);
    minke_map_node_t *node;
    size_t n = 0;
    while ((node = minke__map_any(&map)) != NULL) {
        item_t *item = (item_t *)(void *)node;
        assert_false(item->seen);
        item->seen = true;
        minke__map_remove(&map, node);
        n++;
    }
    assert_int_equal(n, ITEMS_N);
    minke__map_free(&map);
    minke__map_free(&map);
    assert_int_equal(test.blocks, 0);
}

/* Without memory an empty map refuses, one that is full goes on. */
static void test_allocation_failure(void **state)
{
    (void)state;
    test_env_t test;
    minke_map_t map;
    test_env_init(&test, 3);
    minke__map_init(&map, &test.env);
    test.fail_at = 1;
    assert_int_equal(minke__map_insert(&map, &items[0].node, 0), MINKE_ERROR_NO_MEMORY);
    assert_int_equal(map.count, 0);
    assert_int_equal(minke__map_insert(&map, &items[0].node, hash_of(0)), MINKE_OK);
    test.fail_at = test.allocations + 1;
    test.fail_for_good = true;
    for (size_t i = 1; i < ITEMS_N; i++)
        assert_int_equal(minke__map_insert(&map, &items[i].node, hash_of(i)), MINKE_OK);
    for (size_t i = 0; i < ITEMS_N; i++) assert_true(contains(&map, &items[i], hash_of(i)));
    minke__map_free(&map);
    assert_int_equal(test.blocks, 0);
}

/* Once nearly all have left, those that come give back what they had needed; not for want of memory. */
static void test_shrinks(void **state)
{
    (void)state;
    enum { STAY = 5 };
    test_env_t test;
    minke_map_t map;
    test_env_init(&test, 4);
    minke__map_init(&map, &test.env);
    for (size_t i = 0; i < ITEMS_N; i++)
        assert_int_equal(minke__map_insert(&map, &items[i].node, hash_of(i)), MINKE_OK);
    const size_t full = map.buckets_n;
    for (size_t i = STAY; i < ITEMS_N; i++) minke__map_remove(&map, &items[i].node);
    assert_int_equal(map.buckets_n, full);
    for (int round = 0; round < 20; round++) {
        test.fail_at = round == 0 ? test.allocations + 1 : 0;
        assert_int_equal(minke__map_insert(&map, &items[STAY].node, hash_of(STAY)), MINKE_OK);
        if (round == 0) assert_int_equal(map.buckets_n, full);
        for (size_t i = 0; i <= STAY; i++) assert_true(contains(&map, &items[i], hash_of(i)));
        minke__map_remove(&map, &items[STAY].node);
    }
    assert_in_range(map.buckets_n, 8, 64);
    minke__map_free(&map);
    assert_int_equal(test.blocks, 0);
}

/* SipHash-1-3 with the key 00 01 .. 0f over 00 01 .., from an independent implementation. */
static void test_hash(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},
        {8, 0x369095118d299a8e},  {9, 0x25a48eb36c063de4},  {15, 0xd320d86d2a519956},
        {16, 0xcc4fdd1a7d908b66}, {63, 0x9d199062b7bbb3a8}, {64, 0xf17997ec4b4a6065},
    };
    test_env_t test;
    minke_map_t map;
    uint8_t message[64];
    test_env_init(&test, 4);
    minke__map_init(&map, &test.env);
    map.key[0] = 0x0706050403020100;
    map.key[1] = 0x0f0e0d0c0b0a0908;
    for (size_t i = 0; i < sizeof message; i++) message[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_int_equal(minke__hash(&map, message, vectors[i].len), vectors[i].hash);
    }
}

static void test_maps_have_keys_of_their_own(void **state)
{
    (void)state;
    test_env_t test;
    minke_map_t a, b;
    test_env_init(&test, 5);
    minke__map_init(&a, &test.env);
    minke__map_init(&b, &test.env);
    assert_int_not_equal(minke__hash(&a, "x", 1), minke__hash(&b, "x", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert_find_remove),
        cmocka_unit_test(test_any_reaches_all),
        cmocka_unit_test(test_allocation_failure),
        cmocka_unit_test(test_shrinks),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_maps_have_keys_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
