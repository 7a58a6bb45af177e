#include "host/circuit.h"

#include "host/dial.h"

void minke__circuit_dial(minke_node_t *node, minke_node_attempt_t *attempt, minke_node_connection_t *relay)
{
    (void)node;
    (void)attempt;
    (void)relay;
}
void minke__circuit_send(minke_node_t *node, minke_carrier_t *carrier)
{
    (void)node;
    (void)carrier;
}
void minke__circuit_release(minke_node_t *node, minke_carrier_t *carrier)
{
    (void)node;
    (void)carrier;
}
