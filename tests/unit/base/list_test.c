#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct item {
    int before;
    minke_list_t node;
    int value;
} item_t;

static void check_order(const minke_list_t *list, const int *values, size_t n)
{
    size_t i = 0;
    for (const minke_list_t *node = list->next; node != list; node = node->next, i++) {
        assert_true(i < n);
        assert_int_equal(MINKE_CONTAINER(node, item_t, node)->value, values[i]);
        assert_ptr_equal(node->next->previous, node);
    }
    assert_int_equal(i, n);
    assert_int_equal(minke__list_empty(list), n == 0);
}

static void init(item_t *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        minke__list_init(&items[i].node);
        items[i].value = (int)i;
        assert_false(minke__list_linked(&items[i].node));
    }
}

static void test_append_insert_remove(void **state)
{
    (void)state;
    minke_list_t list;
    item_t items[4];
    minke__list_init(&list);
    init(items, 4);
    check_order(&list, NULL, 0);
    minke__list_append(&list, &items[0].node);
    minke__list_append(&list, &items[1].node);
    minke__list_insert_before(&items[1].node, &items[2].node);
    minke__list_insert_before(list.next, &items[3].node);
    check_order(&list, (const int[]){3, 0, 2, 1}, 4);
    assert_true(minke__list_linked(&items[2].node));
    minke__list_remove(&items[2].node);
    assert_false(minke__list_linked(&items[2].node));
    minke__list_remove(&items[2].node); /* once more changes nothing */
    check_order(&list, (const int[]){3, 0, 1}, 3);
    minke__list_remove(&items[3].node);
    minke__list_remove(&items[1].node);
    minke__list_remove(&items[0].node);
    check_order(&list, NULL, 0);
}

static void test_pop(void **state)
{
    (void)state;
    minke_list_t list;
    item_t items[3];
    minke__list_init(&list);
    init(items, 3);
    assert_null(minke__list_pop(&list));
    for (int i = 0; i < 3; i++) minke__list_append(&list, &items[i].node);
    for (int i = 0; i < 3; i++) {
        minke_list_t *node = minke__list_pop(&list);
        assert_ptr_equal(node, &items[i].node);
        assert_false(minke__list_linked(node));
    }
    assert_null(minke__list_pop(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_append_insert_remove), cmocka_unit_test(test_pop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
