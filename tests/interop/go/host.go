package main

import (
	"bytes"
	"strings"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	libp2pwebrtc "github.com/libp2p/go-libp2p/p2p/transport/webrtc"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
)

// A flag that may be given several times.
type repeated []string

func (r *repeated) String() string { return strings.Join(*r, ",") }
func (r *repeated) Set(text string) error {
	*r = append(*r, text)
	return nil
}

type hostOptions struct {
	listen  []string
	version int // of webrtc-direct, when dialling
	seed    int // of the key; 0: a new one
}

// A host with go's own defaults for TCP: it proposes TLS before Noise, and yamux within Noise's handshake.
func makeHost(o hostOptions) host.Host {
	options := []libp2p.Option{
		libp2p.UserAgent("go interop"),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(websocket.New),
		libp2p.Transport(libp2pwebrtc.New, libp2pwebrtc.WithDialerVersion(o.version)),
		libp2p.ResourceManager(&network.NullResourceManager{}),
	}
	if len(o.listen) > 0 {
		options = append(options, libp2p.ListenAddrStrings(o.listen...))
	} else {
		options = append(options, libp2p.NoListenAddrs)
	}
	options = append(options, libp2p.EnableRelay()) // which NoListenAddrs takes away
	if o.seed != 0 {
		key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(pattern(64, o.seed)))
		if err != nil {
			fail(err)
		}
		options = append(options, libp2p.Identity(key))
	}
	h, err := libp2p.New(options...)
	if err != nil {
		fail(err)
	}
	return h
}
