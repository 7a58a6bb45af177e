/* What a link has carried, as one line of JSON. */
#ifndef LINK_REPORT_H
#define LINK_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "pump.h"

/* `seconds` of processor time and of the clock; `hurried`: see pump_hurry. */
void link_report(FILE *out, const pump_t pumps[2], double cpu_s, double seconds, bool hurried);

#endif
