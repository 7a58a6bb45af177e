package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

// One connection, as the cells see it. They are those of ../peers/cells.js.
type link struct {
	ctx  context.Context
	host host.Host
	info *peer.AddrInfo
}

type cell struct {
	name string
	run  func(*link) (string, error)
}

var cells = []cell{
	{"ping", cellPing},
	{"identify-read", cellIdentifyRead},
	{"echo-sizes", cellEchoSizes},
	{"echo-8MiB", func(l *link) (string, error) { return "the same bytes came back", l.echo(8 << 20) }},
	{"perf-up", func(l *link) (string, error) { return l.perf(16<<20, 0) }},
	{"perf-down", func(l *link) (string, error) { return l.perf(0, 16<<20) }},
	{"streams-256", cellStreamsAtOnce},
	{"half-close-here", cellHalfCloseHere},
	{"half-close-there", cellHalfCloseThere},
	{"reset-here", cellResetHere},
	{"reset-there", cellResetThere},
	{"stop-here", cellStopHere},
	{"stop-there", cellStopThere},
	{"unsupported", cellUnsupported},
	{"streams-2000", cellStreamsInSequence},
	{"echo-64MiB", func(l *link) (string, error) { return "the same bytes came back", l.echo(64 << 20) }},
	{"silence", cellSilence},
}

func findCell(name string) *cell {
	for _, list := range [][]cell{cells, relayedCells} {
		for i := range list {
			if list[i].name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func protocolID(id string) protocol.ID { return protocol.ID(id) }

func pattern(size int, seed int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(uint32(i+seed) * 2654435761 >> 13)
	}
	return data
}

func (l *link) open(id string) (network.Stream, error) {
	return l.host.NewStream(network.WithAllowLimitedConn(l.ctx, "cell"), l.info.ID, protocolID(id))
}

// Sends all, half-closes, and reads to the end.
func (l *link) echo(size int) error {
	s, err := l.open(echoID)
	if err != nil {
		return err
	}
	defer s.Reset() // without effect on a stream that has ended
	data := pattern(size, size)
	wrong := make(chan error, 1)
	go func() {
		_, err := s.Write(data)
		wrong <- errors.Join(err, s.CloseWrite())
	}()
	back, err := io.ReadAll(s)
	if err = errors.Join(err, <-wrong); err != nil {
		return fmt.Errorf("echo of %d bytes, %d back: %w", size, len(back), err)
	}
	if !bytes.Equal(back, data) {
		return fmt.Errorf("%d bytes went, %d other ones came back", size, len(back))
	}
	return s.Close()
}

func (l *link) alive(facts string) (string, error) {
	if err := l.echo(500); err != nil {
		return "", fmt.Errorf("no echo afterwards: %w", err)
	}
	return facts, nil
}

func (l *link) perf(up int, down uint64) (string, error) {
	s, err := l.open(perfID)
	if err != nil {
		return "", err
	}
	defer s.Reset()
	begun := time.Now()
	head := binary.BigEndian.AppendUint64(nil, down)
	if _, err := s.Write(append(head, pattern(up, 3)...)); err != nil {
		return "", err
	}
	if err := s.CloseWrite(); err != nil {
		return "", err
	}
	n, err := io.Copy(io.Discard, s)
	if err == nil && n != int64(down) {
		err = fmt.Errorf("%d bytes came, %d were asked for", n, down)
	}
	rate := float64(uint64(up)+down) / 1e6 / time.Since(begun).Seconds()
	return fmt.Sprintf("%.1f MB/s for 16 MiB", rate), err
}

func cellPing(l *link) (string, error) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	pings := ping.Ping(ctx, l.host, l.info.ID)
	for i := 0; i < 20; i++ {
		if r := <-pings; r.Error != nil {
			return "", r.Error
		}
	}
	return "20 pings", nil
}

func cellIdentifyRead(l *link) (string, error) {
	agent, err := l.host.Peerstore().Get(l.info.ID, "AgentVersion")
	if err != nil {
		return "", err
	}
	served, err := l.host.Peerstore().SupportsProtocols(l.info.ID, echoID, perfID, "/ipfs/ping/1.0.0")
	if err == nil && len(served) != 3 {
		err = fmt.Errorf("of echo, perf and ping only %v are listed", served)
	}
	return fmt.Sprint(agent), err
}

func cellEchoSizes(l *link) (string, error) {
	sizes := []int{0, 1, 2, 127, 128, 1191, 1192}
	for size := 16376; size <= 16385; size++ {
		sizes = append(sizes, size)
	}
	sizes = append(sizes, 65535, 1000003)
	for _, size := range sizes {
		if err := l.echo(size); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d sizes, 0 to 1000003", len(sizes)), nil
}

func cellStreamsAtOnce(l *link) (string, error) {
	var wait sync.WaitGroup
	wrong := make([]error, 256)
	for i := range wrong {
		wait.Add(1)
		go func() {
			defer wait.Done()
			wrong[i] = l.echo(64 << 10)
		}()
	}
	wait.Wait()
	return "256 x 64 KiB", errors.Join(wrong...)
}

// We finish first, and read only then.
func cellHalfCloseHere(l *link) (string, error) {
	s, err := l.open(echoID)
	if err != nil {
		return "", err
	}
	defer s.Reset()
	data := pattern(300<<10, 5)
	if _, err := s.Write(data); err != nil {
		return "", err
	}
	if err := s.CloseWrite(); err != nil {
		return "", err
	}
	time.Sleep(200 * time.Millisecond)
	back, err := io.ReadAll(s)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(back, data) {
		return "", fmt.Errorf("%d other bytes after our FIN", len(back))
	}
	if _, err := l.perf(64<<10, 1<<20); err != nil {
		return "", err
	}
	return l.alive("all bytes after our FIN")
}

func cellHalfCloseThere(l *link) (string, error) {
	s, err := l.open(closeFirstID)
	if err != nil {
		return "", err
	}
	defer s.Reset()
	n, err := io.Copy(io.Discard, s)
	if err != nil || n != 64<<10 {
		return "", fmt.Errorf("%d bytes before the remote's FIN: %w", n, err)
	}
	time.Sleep(100 * time.Millisecond)
	if _, err := s.Write(pattern(1<<20, 6)); err != nil {
		return "", err
	}
	if err := s.Close(); err != nil {
		return "", err
	}
	return l.alive("1 MiB after its FIN")
}

func cellResetHere(l *link) (string, error) {
	for _, before := range []int{0, 10 << 10, 2 << 20} {
		s, err := l.open(echoID)
		if err != nil {
			return "", err
		}
		go s.Write(pattern(before, 7))
		if before > 0 {
			if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
				return "", err
			}
		}
		s.Reset()
		if _, err := l.alive(""); err != nil {
			return "", fmt.Errorf("with %d bytes under way: %w", before, err)
		}
	}
	return "with 0, 10 KiB and 2 MiB under way", nil
}

func cellResetThere(l *link) (string, error) {
	s, err := l.open(resetID)
	if err != nil {
		return "", err
	}
	defer s.Reset()
	if _, err := s.Write(pattern(2<<10, 9)); err != nil {
		return "", err
	}
	if _, err = io.ReadAll(s); !errors.Is(err, network.ErrReset) {
		return "", fmt.Errorf("a reset was expected, not: %v", err)
	}
	return l.alive("reset")
}

// Reads a MiB of a long download and then tells the remote to stop.
func cellStopHere(l *link) (string, error) {
	s, err := l.open(perfID)
	if err != nil {
		return "", err
	}
	defer s.Reset()
	if _, err := s.Write(binary.BigEndian.AppendUint64(nil, 256<<20)); err != nil {
		return "", err
	}
	if err := s.CloseWrite(); err != nil {
		return "", err
	}
	if _, err := io.CopyN(io.Discard, s, 1<<20); err != nil {
		return "", err
	}
	if err := s.CloseRead(); err != nil {
		return "", err
	}
	if err := s.Close(); err != nil {
		return "", err
	}
	return l.alive("stopped after 1 MiB of 256")
}

func cellStopThere(l *link) (string, error) {
	s, err := l.open(stopID)
	if err != nil {
		return "", err
	}
	defer s.Reset()
	if _, err := s.Write(pattern(2<<10, 10)); err != nil {
		return "", err
	}
	if _, err := io.ReadAll(s); err != nil { // the remote finishes its side behind its STOP_SENDING
		return "", fmt.Errorf("its side did not end: %w", err)
	}
	s.CloseRead() // only now go reads control messages that come behind the FIN
	for i := 0; i < 200; i++ {
		if _, err := s.Write([]byte("more")); err != nil {
			s.CloseWrite()
			return l.alive("STOP_SENDING came")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", errors.New("STOP_SENDING did not come within 2 s")
}

func cellUnsupported(l *link) (string, error) {
	for i := 0; i < 3; i++ {
		s, err := l.open("/minke-test/nobody-serves-this/1.0.0")
		if err == nil {
			s.Reset()
			return "", errors.New("accepted")
		}
	}
	return l.alive("refused three times")
}

func cellStreamsInSequence(l *link) (string, error) {
	for i := 0; i < 2000; i++ {
		if err := l.echo(100 + i%100); err != nil {
			return "", fmt.Errorf("stream %d: %w", i, err)
		}
	}
	return "2000 in sequence", nil
}

func cellSilence(l *link) (string, error) {
	time.Sleep(30 * time.Second)
	if n := len(l.host.Network().ConnsToPeer(l.info.ID)); n != 1 {
		return "", fmt.Errorf("%d connections after the silence", n)
	}
	return l.alive("echo after 30 s")
}
