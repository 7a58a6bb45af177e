#include "core.c"
