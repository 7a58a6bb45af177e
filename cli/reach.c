#include "reach.h"

static const char *ca_file, *dns_servers;

bool cli_reach_option(int c, const char *value)
{
    if (c == CLI_OPTION_CA) ca_file = value;
    else if (c == CLI_OPTION_DNS) dns_servers = value;
    else return false;
    return true;
}

void cli_reach(minke_host_options_t *options)
{
    options->ca_file = ca_file;
    options->dns_servers = dns_servers;
}
