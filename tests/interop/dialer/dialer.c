/*
 * Minke as the dialer of the interop table, where the command line has no way to show a cell.
 *
 *     interop-dialer VERSION ADDR CELL...    runs the cells on one connection, a new one after a cell that lost it
 *     interop-dialer VERSION ADDR hold       sends a little all the time and wants it back, until SIGTERM or the end
 *
 * One JSON object per line, as peers/node_peer.js prints them.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"

enum { TRICKLE_MS = 250, TRICKLE_BYTES = 100 };

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
    (void)number;
    asked_to_stop = 1;
}

static void print_text(const char *name, const char *text)
{
    (void)printf(",\"%s\":\"", name);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') (void)putchar('\\');
        (void)putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
    (void)putchar('"');
}

static void end_line(void)
{
    (void)puts("}");
    (void)fflush(stdout);
}

static void say_cell(const char *name, bool ok, const char *facts, double ms)
{
    (void)printf("{\"event\":\"cell\",\"ok\":%s,\"ms\":%.1f", ok ? "true" : "false", ms);
    print_text("cell", name);
    print_text("facts", facts);
    end_line();
}

static void say_self(const char *event, const link_t *link)
{
    char self[MINKE_PEER_BYTES];
    minke_self(link->host, self);
    (void)printf("{\"event\":\"%s\",\"cell\":\"dial\"", event);
    print_text("peer", self);
    end_line();
}

/* ---- cells ---- */

static bool dial(link_t *link, const char *addr, int version, bool first)
{
    const double begun = now_ms();
    const bool ok = link_dial(link, addr, version);
    const double took = now_ms() - begun;
    if (ok) (void)link_say(link, true, "set up in %.1f ms, version %d", took, version);
    if (first && ok) say_self("dialled", link);
    if (first) say_cell("dial", ok, link->facts, took);
    return ok;
}

static int run_cells(link_t *link, const char *addr, int version, char **names, int n)
{
    bool up = dial(link, addr, version, true);
    for (int i = 0; i < n; i++) {
        const cell_t *cell = find_cell(names[i]);
        if (cell == NULL) continue; /* the runner's own, or the command line's */
        if (!up || link->disconnected) {
            link_free(link);
            up = dial(link, addr, version, false);
        }
        const double begun = now_ms();
        const bool ok = up && cell->run(link);
        say_cell(cell->name, ok, link->facts, now_ms() - begun);
        if (ok) continue;
        link_free(link); /* its flows must not reach into the next cell */
        up = false;
    }
    if (up) say_self("closed", link);
    link_free(link);
    (void)puts("{\"event\":\"done\"}");
    return 0;
}

/* ---- hold ---- */

static int say_held(link_t *link, const flow_t *flow, double alone_since)
{
    if (link->disconnected) {
        (void)printf("{\"event\":\"disconnected\",\"ms\":%.0f,\"bytes\":%zu,\"by_remote\":%s", now_ms() - alone_since,
                     flow->received, link->close.by_remote ? "true" : "false");
        print_text("layer", minke_layer_name(link->close.layer));
        print_text("reason", link->close.text);
        end_line();
    } else {
        const bool ok = flow->closed && flow->error == MINKE_OK && flow->received == flow->sent && !flow->wrong;
        (void)printf("{\"event\":\"held\",\"ok\":%s,\"sent\":%zu,\"received\":%zu", ok ? "true" : "false", flow->sent,
                     flow->received);
        end_line();
    }
    link_free(link);
    return 0;
}

static int hold(link_t *link, const char *addr, int version)
{
    flow_t flow = {.echoes = true, .keeps_open = true, .to_send = TRICKLE_BYTES};
    if (!dial(link, addr, version, false) || !link_start(link, &flow, "/echo/1.0.0")) {
        say_cell("hold", false, link->facts, 0);
        return 1;
    }
    WAIT_FOR(link, 10000, flow.received == TRICKLE_BYTES);
    say_self("holding", link);
    double heard_at = now_ms();
    while (!asked_to_stop && !link->disconnected) {
        const size_t before = flow.received;
        WAIT_FOR(link, TRICKLE_MS, asked_to_stop);
        if (flow.received > before) heard_at = now_ms();
        flow.to_send += TRICKLE_BYTES;
        link_go_on(link, &flow);
    }
    flow.keeps_open = false;
    link_go_on(link, &flow);
    WAIT_FOR(link, 10000, flow.closed);
    return say_held(link, &flow, heard_at);
}

int main(int argc, char **argv)
{
    static link_t link;
    if (argc < 4) {
        (void)fprintf(stderr, "usage: interop-dialer VERSION ADDR CELL...|hold\n");
        return 2;
    }
    (void)signal(SIGTERM, on_signal);
    const int version = atoi(argv[1]);
    if (strcmp(argv[3], "hold") == 0) return hold(&link, argv[2], version);
    return run_cells(&link, argv[2], version, argv + 3, argc - 3);
}
