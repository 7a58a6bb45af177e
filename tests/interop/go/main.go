// A go-libp2p peer for the interop table: listens, or dials and runs cells, or holds a stream. One JSON object a line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	libp2pwebrtc "github.com/libp2p/go-libp2p/p2p/transport/webrtc"
)

func makeHost(listen string, version int) host.Host {
	options := []libp2p.Option{
		libp2p.UserAgent("go interop"),
		libp2p.DisableRelay(),
		libp2p.Transport(libp2pwebrtc.New, libp2pwebrtc.WithDialerVersion(version)),
		libp2p.ResourceManager(&network.NullResourceManager{}),
	}
	if listen != "" {
		options = append(options, libp2p.ListenAddrStrings(listen))
	} else {
		options = append(options, libp2p.NoListenAddrs)
	}
	h, err := libp2p.New(options...)
	if err != nil {
		fail(err)
	}
	return h
}

func terminated() <-chan os.Signal {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	return stop
}

func listen(address string) {
	h := makeHost(address, 1)
	ping.NewPingService(h)
	serve(h)
	watch(h)
	for _, a := range h.Addrs() {
		say(fields{"event": "listening", "addr": fmt.Sprintf("%s/p2p/%s", a, h.ID())})
	}
	<-terminated()
	h.Close()
	say(fields{"event": "result", "ok": true})
}

func connect(ctx context.Context, address string, version int) (*link, error) {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return nil, err
	}
	l := &link{ctx: ctx, host: makeHost("", version), info: info}
	return l, l.host.Connect(ctx, *info)
}

func run(l *link, each cell) {
	begun := time.Now()
	facts, err := each.run(l)
	if err != nil {
		facts = err.Error()
	}
	say(fields{"event": "cell", "cell": each.name, "ok": err == nil, "facts": facts, "ms": time.Since(begun).Milliseconds()})
}

// The silence has a connection to itself, beside the other cells.
func dial(address string, version int, wanted map[string]bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	var wait sync.WaitGroup
	if wanted["silence"] {
		wait.Add(1)
		go func() {
			defer wait.Done()
			l, err := connect(ctx, address, version)
			if err != nil {
				say(fields{"event": "cell", "cell": "silence", "ok": false, "facts": err.Error()})
				return
			}
			run(l, cells[len(cells)-1])
			l.host.Close()
		}()
	}
	begun := time.Now()
	l, err := connect(ctx, address, version)
	took := time.Since(begun).Milliseconds()
	if err != nil {
		say(fields{"event": "cell", "cell": "dial", "ok": false, "facts": err.Error(), "ms": took})
		wait.Wait()
		return
	}
	id := l.host.ID().String()
	say(fields{"event": "dialled", "cell": "dial", "peer": id})
	say(fields{"event": "cell", "cell": "dial", "ok": true, "facts": fmt.Sprintf("set up in %d ms", took), "ms": took})
	for _, each := range cells {
		if wanted[each.name] && each.name != "silence" {
			run(l, each)
		}
	}
	say(fields{"event": "closed", "peer": id})
	l.host.Close()
	wait.Wait()
	say(fields{"event": "done"})
}

// Sends a little all the time and wants it back, until SIGTERM or the end of the connection.
func hold(address string, version int) error {
	l, err := connect(context.Background(), address, version)
	if err != nil {
		return err
	}
	s, err := l.open(echoID)
	if err != nil {
		return err
	}
	piece := pattern(100, 1)
	if _, err := s.Write(piece); err != nil {
		return err
	}
	if _, err := io.ReadFull(s, make([]byte, len(piece))); err != nil {
		return err
	}
	say(fields{"event": "holding", "peer": l.host.ID().String()})
	back := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(io.Discard, s)
		back <- n
	}()
	sent := int64(0)
	stop := terminated()
	for {
		select {
		case <-stop:
			if err := s.CloseWrite(); err != nil {
				return err
			}
			received := <-back
			say(fields{"event": "held", "ok": received == sent, "sent": sent, "received": received})
			return nil
		case received := <-back:
			say(fields{"event": "disconnected", "layer": "go", "reason": "the stream has ended", "bytes": received})
			return nil
		case <-time.After(250 * time.Millisecond):
			n, err := s.Write(piece)
			sent += int64(n)
			if err != nil {
				return errors.Join(errors.New("writing"), err)
			}
		}
	}
}

func main() {
	listenOn := flag.String("listen", "", "listen on this address")
	version := flag.Int("direct-version", 1, "of webrtc-direct, when dialling")
	names := flag.String("cells", "", "which, with commas between")
	holds := flag.Bool("hold", false, "hold a stream instead of running cells")
	flag.Parse()
	switch {
	case *listenOn != "":
		listen(*listenOn)
	case *holds:
		if err := hold(flag.Arg(0), *version); err != nil {
			say(fields{"event": "cell", "cell": "hold", "ok": false, "facts": err.Error()})
		}
	default:
		wanted := map[string]bool{}
		for _, name := range strings.Split(*names, ",") {
			wanted[name] = true
		}
		dial(flag.Arg(0), *version, wanted)
	}
}
