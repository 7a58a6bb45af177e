#include "base/handles.h"

enum { SLOT_BITS = 24, SLOTS_MAX = 1 << SLOT_BITS };

static const uint64_t generation_max = (1ULL << 40) - 1;

struct minke_handle_slot {
    void *object;        /* NULL while free */
    uint64_t generation; /* of the object, or of the next one */
    uint32_t next_free;  /* index + 1 */
};

void minke__handles_init(minke_handles_t *handles, const minke_env_t *env) { *handles = (minke_handles_t){.env = env}; }

void minke__handles_free(minke_handles_t *handles)
{
    minke__free(handles->env, handles->slots);
    *handles = (minke_handles_t){.env = handles->env};
}

static bool grow(minke_handles_t *handles)
{
    const uint32_t slots_n = handles->slots_n > 0 ? handles->slots_n * 2 : 8;
    if (slots_n > SLOTS_MAX) return false;
    struct minke_handle_slot *slots = minke__realloc(handles->env, handles->slots, slots_n * sizeof slots[0]);
    if (slots == NULL) return false;
    for (uint32_t i = slots_n; i > handles->slots_n; i--) {
        slots[i - 1] = (struct minke_handle_slot){NULL, 1, handles->free_slot};
        handles->free_slot = i;
    }
    handles->slots = slots;
    handles->slots_n = slots_n;
    return true;
}

uint64_t minke__handles_add(minke_handles_t *handles, void *object)
{
    if (handles->free_slot == 0 && !grow(handles)) return 0;
    const uint32_t index = handles->free_slot - 1;
    struct minke_handle_slot *slot = &handles->slots[index];
    handles->free_slot = slot->next_free;
    slot->object = object;
    handles->count++;
    return slot->generation << SLOT_BITS | index;
}

static struct minke_handle_slot *slot_of(const minke_handles_t *handles, uint64_t id)
{
    const uint64_t index = id & (SLOTS_MAX - 1);
    if (index >= handles->slots_n) return NULL;
    struct minke_handle_slot *slot = &handles->slots[index];
    return slot->object != NULL && slot->generation == id >> SLOT_BITS ? slot : NULL;
}

void minke__handles_replace(minke_handles_t *handles, uint64_t id, void *object)
{
    struct minke_handle_slot *slot = slot_of(handles, id);
    if (slot != NULL) slot->object = object;
}

void minke__handles_remove(minke_handles_t *handles, uint64_t id)
{
    struct minke_handle_slot *slot = slot_of(handles, id);
    if (slot == NULL) return;
    slot->object = NULL;
    handles->count--;
    if (++slot->generation > generation_max) return; /* used up: never given out again */
    slot->next_free = handles->free_slot;
    handles->free_slot = (uint32_t)(slot - handles->slots) + 1;
}

void *minke__handles_get(const minke_handles_t *handles, uint64_t id)
{
    const struct minke_handle_slot *slot = slot_of(handles, id);
    return slot != NULL ? slot->object : NULL;
}
