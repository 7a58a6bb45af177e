#include "observe.h"

static const char *pcap_path, *trace_path;

bool cli_observe_option(int c, const char *value)
{
    if (c == CLI_OPTION_PCAP) pcap_path = value;
    else if (c == CLI_OPTION_TRACE) trace_path = value;
    else return false;
    return true;
}

bool cli_observe(minke_transport_options_t *options)
{
    if (pcap_path != NULL && !cli_pcap_open(pcap_path, &options->tap)) return false;
    if (trace_path != NULL && !cli_trace_open(trace_path)) return false;
    options->trace = cli_trace();
    return true;
}

void cli_observe_end(void)
{
    cli_pcap_close();
    cli_trace_close();
}
