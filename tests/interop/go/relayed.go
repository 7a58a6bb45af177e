package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	pb "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/util"
)

// The cells of a connection through a relay, which has limits, and of a relay itself.
var relayedCells = []cell{
	{"relayed-ping", cellPing},
	{"relayed-identify", cellRelayedIdentify},
	{"relayed-echo", func(l *link) (string, error) { return "20 KiB", l.echo(20 << 10) }},
	{"byte-limit", cellByteLimit},
	{"time-limit", cellTimeLimit},
	{"hop-malformed", cellHopMalformed},
	{"hop-unexpected", cellHopUnexpected},
	{"hop-bad-peer", cellHopBadPeer},
}

func (l *link) connections() int { return len(l.host.Network().ConnsToPeer(l.info.ID)) }

// Waits for the end of the connection; how long it took.
func (l *link) gone(within time.Duration) (time.Duration, error) {
	begun := time.Now()
	for l.connections() > 0 {
		if time.Since(begun) > within {
			return 0, fmt.Errorf("the connection is still there after %s", within)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(begun), nil
}

func cellRelayedIdentify(l *link) (string, error) {
	for _, c := range l.host.Network().ConnsToPeer(l.info.ID) {
		if !c.Stat().Limited {
			return "", errors.New("the connection is not limited")
		}
	}
	return cellIdentifyRead(l)
}

// More than the relay relays: what comes back is less, and the connection ends.
func cellByteLimit(l *link) (string, error) {
	if _, err := l.alive(""); err != nil {
		return "", err
	}
	s, err := l.open(echoID)
	if err != nil {
		return "", err
	}
	defer s.Reset()
	go s.Write(pattern(1<<20, 1))
	n, err := io.Copy(io.Discard, s)
	if n >= 1<<20 {
		return "", errors.New("all of 1 MiB came back")
	}
	if _, gone := l.gone(10 * time.Second); gone != nil {
		return "", gone
	}
	return fmt.Sprintf("%d bytes came back, then: %v", n, err), nil
}

func cellTimeLimit(l *link) (string, error) {
	if _, err := l.alive(""); err != nil {
		return "", err
	}
	took, err := l.gone(20 * time.Second)
	return fmt.Sprintf("gone %.1f s after the echo", took.Seconds()), err
}

// Sends bytes on a stream of hop and reads the status that comes.
func (l *link) hop(send func(network.Stream) error) (pb.Status, error) {
	s, err := l.open(proto.ProtoIDv2Hop)
	if err != nil {
		return 0, err
	}
	defer s.Reset()
	if err := send(s); err != nil {
		return 0, err
	}
	s.SetReadDeadline(time.Now().Add(10 * time.Second))
	reader := util.NewDelimitedReader(s, 4096)
	defer reader.Close()
	var answer pb.HopMessage
	if err := reader.ReadMsg(&answer); err != nil {
		return 0, fmt.Errorf("no status: %w", err)
	}
	return answer.GetStatus(), nil
}

func wanted(got pb.Status, err error, ones ...pb.Status) (string, error) {
	if err != nil {
		return "", err
	}
	for _, each := range ones {
		if got == each {
			return got.String(), nil
		}
	}
	return "", fmt.Errorf("%s (%d) came, %v was expected", got, got, ones)
}

func cellHopMalformed(l *link) (string, error) {
	status, err := l.hop(func(s network.Stream) error {
		_, err := s.Write([]byte{5, 0xff, 0xff, 0xff, 0xff, 0xff})
		return err
	})
	return wanted(status, err, pb.Status_MALFORMED_MESSAGE)
}

// A status is nothing that a relay is sent; go takes it for malformed.
func cellHopUnexpected(l *link) (string, error) {
	status, err := l.hop(func(s network.Stream) error {
		return util.NewDelimitedWriter(s).WriteMsg(&pb.HopMessage{Type: pb.HopMessage_STATUS.Enum(), Status: pb.Status_OK.Enum()})
	})
	return wanted(status, err, pb.Status_UNEXPECTED_MESSAGE, pb.Status_MALFORMED_MESSAGE)
}

func cellHopBadPeer(l *link) (string, error) {
	status, err := l.hop(func(s network.Stream) error {
		nobody := &pb.Peer{Id: []byte("nobody")}
		return util.NewDelimitedWriter(s).WriteMsg(&pb.HopMessage{Type: pb.HopMessage_CONNECT.Enum(), Peer: nobody})
	})
	return wanted(status, err, pb.Status_MALFORMED_MESSAGE)
}
