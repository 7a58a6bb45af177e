/*
 * The core alone, in what C and C++ have in common: two transports whose datagrams are carried by hand, without a
 * socket. Prints "connected".
 */
#include <minke/transport.h>
#include <stdio.h>
#include <string.h>

typedef struct side {
    minke_transport_t *transport;
    minke_address_t address;
    minke_socket_t socket;
    bool connected, failed;
} side_t;

static uint8_t buffer[MINKE_TRAIN_BYTES];

static minke_address_t loopback(uint16_t port)
{
    minke_address_t address;
    memset(&address, 0, sizeof address);
    address.family = MINKE_FAMILY_IP4;
    address.ip[0] = 127;
    address.ip[3] = 1;
    address.port = port;
    return address;
}

static void drain(side_t *side, minke_time_t now)
{
    minke_transport_event_t event;
    while (minke_transport_event(side->transport, &event)) {
        if (event.type == MINKE_TRANSPORT_SOCKET_OPEN) {
            side->socket = event.socket;
            if (minke_transport_socket_opened(side->transport, event.socket, &side->address, now) < 0)
                side->failed = true;
        } else if (event.type == MINKE_TRANSPORT_CONNECTED) {
            side->connected = true;
        } else if (event.type == MINKE_TRANSPORT_CLOSED) {
            side->failed = true;
        }
    }
}

static void carry(side_t *from, side_t *to, minke_time_t now)
{
    minke_train_t train;
    minke_path_t out, in;
    while (minke_transport_transmit(from->transport, buffer, sizeof buffer, &train, &out, now) > 0) {
        memset(&in, 0, sizeof in);
        in.socket = to->socket;
        in.local = to->address;
        in.remote = from->address;
        (void)minke_transport_recv(to->transport, &train, &in, now);
    }
}

static bool connect_them(side_t *listener, side_t *dialer)
{
    char addr[MINKE_ADDR_BYTES];
    const char *const addrs[1] = {addr};
    minke_time_t now = 1000;
    minke_connection_t connection;
    minke_socket_t socket;
    int rounds;
    if (minke_transport_listen(listener->transport, &listener->address, &socket) < 0) return false;
    if (minke_transport_address(listener->transport, &listener->address, addr, sizeof addr) < 0) return false;
    if (minke_transport_dial(dialer->transport, addrs, 1, 2, now, &connection) < 0) return false;
    for (rounds = 0; rounds < 1000 && !(listener->connected && dialer->connected); rounds++, now += 1000) {
        drain(listener, now);
        drain(dialer, now);
        carry(dialer, listener, now);
        carry(listener, dialer, now);
        if (minke_transport_deadline(dialer->transport) <= now) minke_transport_tick(dialer->transport, now);
        if (minke_transport_deadline(listener->transport) <= now) minke_transport_tick(listener->transport, now);
        if (listener->failed || dialer->failed) return false;
    }
    return listener->connected && dialer->connected;
}

int main(void)
{
    side_t listener, dialer;
    bool connected;
    memset(&listener, 0, sizeof listener);
    memset(&dialer, 0, sizeof dialer);
    listener.address = loopback(9090);
    dialer.address = loopback(4000);
    if (minke_transport_new(NULL, &listener.transport) < 0 || minke_transport_new(NULL, &dialer.transport) < 0)
        return 1;
    connected = connect_them(&listener, &dialer);
    minke_transport_free(dialer.transport);
    minke_transport_free(listener.transport);
    (void)puts(connected ? "connected" : "failed");
    return connected ? 0 : 1;
}
