#!/usr/bin/env python3
"""A proxy that takes TLS off, as the one in front of a relay does: loopback, any port, which it prints.

    tests/cli/tls_proxy.py CERTIFICATE KEY UPSTREAM_PORT
"""
import socket
import ssl
import sys
import threading


def copy(source, sink):
    try:
        while data := source.recv(16384):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(context, connection, port):
    try:
        connection.settimeout(10)
        inside = context.wrap_socket(connection, server_side=True)
        inside.settimeout(60)
        upstream = socket.create_connection(("127.0.0.1", port), 10)
        upstream.settimeout(60)
    except OSError as error:
        print(error, file=sys.stderr)
        connection.close()
        return
    upwards = threading.Thread(target=copy, args=(inside, upstream), daemon=True)
    upwards.start()
    copy(upstream, inside)
    upwards.join(10)
    inside.close()
    upstream.close()


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    context.set_alpn_protocols(["http/1.1"])
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(context, connection, int(sys.argv[3])), daemon=True).start()


main()
