package main

import (
	"encoding/binary"
	"io"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
)

const (
	echoID       = "/echo/1.0.0"
	perfID       = "/perf/1.0.0"
	resetID      = "/minke-test/reset/1.0.0"
	stopID       = "/minke-test/stop/1.0.0"
	closeFirstID = "/minke-test/close-first/1.0.0"
)

// What `minke listen --test-protocols` serves.
func serve(h host.Host) {
	handle := func(id string, run func(network.Stream) error) {
		h.SetStreamHandler(protocolID(id), func(s network.Stream) {
			if run(s) != nil {
				s.Reset()
				return
			}
			s.Close()
		})
	}
	handle(echoID, func(s network.Stream) error {
		_, err := io.Copy(s, s)
		return err
	})
	handle(perfID, servePerf)
	handle(resetID, func(s network.Stream) error {
		if _, err := io.CopyN(io.Discard, s, 1024); err != nil {
			return err
		}
		return s.Reset()
	})
	handle(stopID, func(s network.Stream) error {
		if _, err := io.CopyN(io.Discard, s, 1024); err != nil {
			return err
		}
		if err := s.CloseRead(); err != nil {
			return err
		}
		return s.CloseWrite()
	})
	handle(closeFirstID, func(s network.Stream) error {
		if _, err := s.Write(pattern(64<<10, 2)); err != nil {
			return err
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, s)
		return err
	})
}

func servePerf(s network.Stream) error {
	var head [8]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, s); err != nil {
		return err
	}
	block := pattern(64<<10, 1)
	for left := binary.BigEndian.Uint64(head[:]); left > 0; {
		n := min(left, uint64(len(block)))
		if _, err := s.Write(block[:n]); err != nil {
			return s.CloseWrite() // it was told to stop
		}
		left -= n
	}
	return nil
}

// Prints who comes and goes, and who answered identify.
func watch(h host.Host) {
	h.Network().Notify(&network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) {
			way := "in"
			if c.Stat().Direction == network.DirOutbound {
				way = "out"
			}
			say(fields{"event": "connected", "peer": c.RemotePeer().String(), "addr": c.RemoteMultiaddr().String(),
				"direction": way, "limited": c.Stat().Limited})
		},
		DisconnectedF: func(_ network.Network, c network.Conn) {
			say(fields{"event": "disconnected", "peer": c.RemotePeer().String(), "reason": "closed"})
		},
	})
	events, err := h.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		fail(err)
	}
	go func() {
		for each := range events.Out() {
			done := each.(event.EvtPeerIdentificationCompleted)
			say(fields{"event": "identified", "peer": done.Peer.String(), "agent": done.AgentVersion})
		}
	}()
}
