/* The status page: plain HTML with its own style, no script, nothing from elsewhere. No peer is named on it. */
#include "driver/metrics.h"

#include "host/node.h"

/* As the page of examples/page looks. */
static const char head_of_page[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"refresh\" content=\"10\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Minke</title>\n"
    "<style>\n"
    ":root{--back:#eef3f5;--card:#fff;--sunk:#f4f7f9;--edge:#d5dfe4;--text:#10242c;--quiet:#526a75;--accent:#0b7a8f}\n"
    "@media "
    "(prefers-color-scheme:dark){:root{--back:#0b1418;--card:#132026;--sunk:#0e191e;--edge:#26383f;--text:#e4eef1;"
    "--quiet:#92a9b3;--accent:#46c3d6}}\n"
    "*{box-sizing:border-box;margin:0}\n"
    "body{background:var(--back);color:var(--text);max-width:66rem;margin:0 auto;padding:1.5rem 1.25rem;"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"DejaVu Sans\",sans-serif}\n"
    "header{display:flex;gap:.9rem;align-items:center;margin-bottom:1.25rem}\n"
    "header svg{color:var(--accent);flex:none}\n"
    "header div{min-width:0}\n"
    "h1{font-size:1.35rem;line-height:1.2}\n"
    "h2{font-size:.95rem;margin-bottom:.6rem}\n"
    "a{color:var(--accent)}\n"
    ".quiet,footer,small{color:var(--quiet);font-size:.875rem}\n"
    "footer{margin-top:1.25rem}\n"
    "code{font-family:ui-monospace,\"SF Mono\",\"Cascadia Mono\",\"DejaVu Sans Mono\",Menlo,Consolas,monospace;"
    "font-size:.8125rem;overflow-wrap:anywhere}\n"
    "main{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));align-items:start}\n"
    "section{background:var(--card);border:1px solid var(--edge);border-radius:14px;padding:1.1rem "
    "1.2rem;min-width:0}\n"
    ".wide{grid-column:1/-1}\n"
    ".tiles{grid-column:1/-1;display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(9.4rem,1fr))}\n"
    ".tiles section{padding:.9rem 1rem}\n"
    ".tiles b{display:block;font-size:1.35rem;line-height:1.3;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    ".bar{height:6px;border-radius:3px;background:var(--edge);margin-top:.5rem;overflow:hidden}\n"
    ".bar i{display:block;height:100%;background:var(--accent)}\n"
    "ul{list-style:none;padding:0}\n"
    "li{background:var(--sunk);border-radius:8px;padding:.35rem .6rem;margin-top:.4rem;line-height:1.35}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}\n"
    "th,td{text-align:left;padding:.3rem 0 .3rem .75rem;border-top:1px solid var(--edge);vertical-align:top}\n"
    "th:first-child,td:first-child{padding-left:0}\n"
    "thead th{border:0;color:var(--quiet);font-weight:normal}\n"
    "tbody th{font-weight:normal}\n"
    "tbody:first-child tr:first-child>*{border:0}\n"
    "th code{display:inline-block;min-width:17rem}\n"
    "table+p{margin-top:.5rem}\n"
    ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    "@media (max-width:30rem){body{padding:1rem .75rem}.tiles{grid-template-columns:1fr 1fr;gap:.6rem}"
    "section,.tiles section{padding:.8rem .9rem}th code{display:block;min-width:0}}\n"
    "</style>\n"
    "</head>\n"
    "<body>\n"
    "<header>\n"
    "<svg viewBox=\"0 0 32 32\" width=\"40\" height=\"40\" aria-hidden=\"true\">"
    "<path d=\"M1 18.5C1 12.7 7.2 9 13.5 9c5.6 0 9.6 2.6 11 6.6.9-1.3.9-3.6-.4-5.8 2.6 0 4.2 1 4.8 2.9.5-1.3 1.4-2.2 "
    "2.9-2.5.3 4.3-1.5 7.2-4.9 8.3C25.2 23.7 20 26 14 26 6.3 26 1 23.3 1 18.5z\" fill=\"currentColor\"/>"
    "<path d=\"M2.5 20.5c3 1.8 6.5 2 9.5 1\" fill=\"none\" stroke=\"var(--back)\" stroke-width=\"1.3\" "
    "stroke-linecap=\"round\"/><circle cx=\"10\" cy=\"17\" r=\"1.2\" fill=\"var(--back)\"/></svg>\n"
    "<div>\n";

static const char foot_of_page[] = "</main>\n"
                                   "<footer>For Prometheus: <a href=\"/metrics\">/metrics</a>. "
                                   "This page loads itself anew every 10 s.</footer>\n"
                                   "</body>\n"
                                   "</html>\n";

/* ---- pieces ---- */

static void put(minke_writer_t *w, const char *html) { minke__write_text(w, html); }

static void put_escaped(minke_writer_t *w, const char *text)
{
    for (; *text != 0; text++) {
        switch (*text) {
        case '&': put(w, "&amp;"); break;
        case '<': put(w, "&lt;"); break;
        case '>': put(w, "&gt;"); break;
        case '"': put(w, "&quot;"); break;
        case '\'': put(w, "&#39;"); break;
        default: minke__write_u8(w, (uint8_t)*text);
        }
    }
}

/* With one digit behind the point from 1 KiB on. */
static void put_bytes(minke_writer_t *w, uint64_t bytes)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    size_t unit = 0;
    uint64_t tenths = 0;
    while (bytes >= 1024) {
        tenths = bytes % 1024 * 10 / 1024;
        bytes /= 1024;
        unit++;
    }
    minke__write_decimal(w, bytes);
    if (unit > 0) put(w, ".");
    if (unit > 0) minke__write_decimal(w, tenths);
    put(w, units[unit]);
}

/* The two largest units that there are. */
static void put_span(minke_writer_t *w, uint64_t seconds)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } units[] = {{86400, " d"}, {3600, " h"}, {60, " min"}, {1, " s"}};
    size_t unit = 0;
    while (unit < 3 && seconds < units[unit].seconds) unit++;
    for (size_t i = unit; i < 4 && i < unit + 2; i++) {
        if (i > unit) put(w, " ");
        minke__write_decimal(w, seconds / units[i].seconds);
        put(w, units[i].text);
        seconds %= units[i].seconds;
    }
}

static void put_cell(minke_writer_t *w, uint64_t value)
{
    put(w, "<td class=\"n\">");
    minke__write_decimal(w, value);
    put(w, "</td>");
}

static void put_row(minke_writer_t *w, const char *what, uint64_t value)
{
    put(w, "<tr><th>");
    put_escaped(w, what);
    put(w, "</th>");
    put_cell(w, value);
    put(w, "</tr>\n");
}

/* A figure, how much of its limit that is; `max` 0: it has none. */
static void put_tile(minke_writer_t *w, const char *what, uint64_t value, uint64_t max,
                     void (*put_value)(minke_writer_t *w, uint64_t value))
{
    put(w, "<section><h2>");
    put(w, what);
    put(w, "</h2><b>");
    put_value(w, value);
    put(w, "</b>");
    if (max > 0) {
        put(w, "<small>of ");
        put_value(w, max);
        put(w, "</small><div class=\"bar\"><i style=\"width:");
        minke__write_decimal(w, value >= max ? 100 : (uint64_t)((double)value / (double)max * 100));
        put(w, "%\"></i></div>");
    }
    put(w, "</section>\n");
}

/* ---- sections ---- */

static void put_who(minke_writer_t *w, const minke_snapshot_t *s)
{
    put(w, s->relay != NULL ? "<h1>Minke relay</h1>\n<p><code>" : "<h1>Minke</h1>\n<p><code>");
    put_escaped(w, s->self);
    put(w, "</code></p>\n<p class=\"quiet\">");
    put_escaped(w, s->agent);
    put(w, " · version ");
    put_escaped(w, minke_version());
    put(w, " · up ");
    put_span(w, s->age / 1000000);
    put(w, "</p>\n</div>\n</header>\n<main>\n");
}

static uint64_t connections_of(const minke_snapshot_t *s)
{
    uint64_t n = s->connections_pending;
    for (size_t kind = 0; kind < MINKE_PATH_UNKNOWN; kind++) n += s->connections[kind][0] + s->connections[kind][1];
    return n;
}

static void put_tiles(minke_writer_t *w, const minke_snapshot_t *s)
{
    put(w, "<div class=\"tiles\">\n");
    if (s->relay != NULL) {
        put_tile(w, "Reservations", s->reservations, s->reservations_max, minke__write_decimal);
        put_tile(w, "Circuits", s->circuits + s->circuits_asking, s->circuits_max, minke__write_decimal);
    }
    put_tile(w, "Connections", connections_of(s), s->connections_max, minke__write_decimal);
    put_tile(w, "Streams", s->streams, 0, minke__write_decimal);
    put_tile(w, "Memory", s->memory, s->memory_max, put_bytes);
    put_tile(w, "Descriptors", s->descriptors, s->descriptors_max, minke__write_decimal);
    put(w, "</div>\n");
}

static void put_addresses(minke_writer_t *w, const minke_snapshot_t *s)
{
    enum { SHOWN_MAX = 64 };
    size_t n = 0;
    put(w, "<section class=\"wide\"><h2>Addresses</h2>\n");
    if (minke__list_empty(s->addresses)) put(w, "<p class=\"quiet\">It listens on none.</p>\n");
    else put(w, "<ul>\n");
    for (const minke_list_t *item = s->addresses->next; item != s->addresses && n < SHOWN_MAX; item = item->next) {
        put(w, "<li><code>");
        put_escaped(w, MINKE_CONTAINER(item, minke_node_text_t, siblings)->text);
        put(w, "</code></li>\n");
        n++;
    }
    if (n > 0) put(w, "</ul>\n");
    if (n == SHOWN_MAX) put(w, "<p class=\"quiet\">No more than these are shown.</p>\n");
    put(w, "</section>\n");
}

static void put_connections(minke_writer_t *w, const minke_snapshot_t *s)
{
    static const char *const kinds[MINKE_PATH_UNKNOWN] = {
        [MINKE_PATH_DIRECT] = "WebRTC, direct", [MINKE_PATH_TCP] = "TCP",
        [MINKE_PATH_WEBSOCKET] = "WebSocket",   [MINKE_PATH_WEBSOCKET_TLS] = "WebSocket with TLS",
        [MINKE_PATH_RELAYED] = "over a relay",  [MINKE_PATH_PRIVATE] = "WebRTC, private"};
    put(w, "<section><h2>Connections</h2>\n<table><thead><tr><th>that are up</th><th class=\"n\">in</th>"
           "<th class=\"n\">out</th></tr></thead><tbody>\n");
    for (size_t kind = 0; kind < MINKE_PATH_UNKNOWN; kind++) {
        put(w, "<tr><th>");
        put(w, kinds[kind]);
        put(w, "</th>");
        put_cell(w, s->connections[kind][1]);
        put_cell(w, s->connections[kind][0]);
        put(w, "</tr>\n");
    }
    put(w, "</tbody></table>\n<p class=\"quiet\">");
    minke__write_decimal(w, s->connections_pending);
    put(w, " more in set-up or on their way out; ");
    minke__write_decimal(w, s->connections_limited);
    put(w, " limited by a relay.</p></section>\n");
}

static void put_relay(minke_writer_t *w, const minke_snapshot_t *s)
{
    const minke_relay_statistics_t *relay = s->relay;
    put(w, "<section><h2>Relay</h2>\n<table><tbody>\n");
    put_row(w, "reservations made", relay->reservations_made);
    put_row(w, "refreshed", relay->reservations_refreshed);
    put_row(w, "expired", relay->reservations_expired);
    put_row(w, "gone with their connection", relay->reservations_lost);
    put_row(w, "circuits opened", relay->circuits_opened);
    put_row(w, "ended by the peers", relay->circuits_ended[MINKE_RELAY_ENDED_BY_PEERS]);
    put_row(w, "ended by their time", relay->circuits_ended[MINKE_RELAY_ENDED_BY_TIME]);
    put_row(w, "ended by their bytes", relay->circuits_ended[MINKE_RELAY_ENDED_BY_BYTES]);
    put(w, "<tr><th>relayed, both ways</th><td class=\"n\">");
    put_bytes(w, relay->bytes_relayed);
    put(w, "</td></tr>\n</tbody></table></section>\n");
}

static void put_refusals(minke_writer_t *w, const minke_relay_statistics_t *relay)
{
#define STATUS_SENTENCE(name, value, sentence) sentence,
    static const char *const sentences[MINKE_RELAY_STATUSES_N] = {MINKE_RELAY_STATUS_LIST(STATUS_SENTENCE)};
#undef STATUS_SENTENCE
    put(w, "<section class=\"wide\"><h2>Refused by the relay</h2>\n"
           "<table><thead><tr><th>because</th><th class=\"n\">reservations</th><th class=\"n\">circuits</th>"
           "<th class=\"n\">other</th></tr></thead><tbody>\n");
    for (size_t i = 1; i < MINKE_RELAY_STATUSES_N; i++) {
        put(w, "<tr><th>");
        put_escaped(w, sentences[i]);
        put(w, "</th>");
        put_cell(w, relay->reservations_refused[i]);
        put_cell(w, relay->circuits_refused[i]);
        put_cell(w, relay->requests_refused[i]);
        put(w, "</tr>\n");
    }
    put(w, "</tbody></table></section>\n");
}

static void put_counter(minke_writer_t *w, const char *name, const char *meaning, uint64_t value)
{
    if (value == 0) return;
    put(w, "<tr><th><code>");
    put(w, name);
    put(w, "</code> <small>");
    put_escaped(w, meaning);
    put(w, "</small></th>");
    put_cell(w, value);
    put(w, "</tr>\n");
}

static void put_counters(minke_writer_t *w, const minke_counters_t *counters)
{
    put(w, "<section class=\"wide\"><h2>Counters</h2>\n<p class=\"quiet\">Those that are not zero.</p>\n"
           "<table><tbody>\n");
#define PUT_COUNTER(name, meaning) put_counter(w, #name, meaning, counters->name);
    MINKE_COUNTER_LIST(PUT_COUNTER)
#undef PUT_COUNTER
    put(w, "</tbody></table></section>\n");
}

void minke__metrics_write_page(minke_writer_t *w, const minke_snapshot_t *s)
{
    put(w, head_of_page);
    put_who(w, s);
    put_tiles(w, s);
    put_addresses(w, s);
    put_connections(w, s);
    if (s->relay != NULL) {
        put_relay(w, s);
        put_refusals(w, s->relay);
    }
    put_counters(w, s->counters);
    put(w, foot_of_page);
}
