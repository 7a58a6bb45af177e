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
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

func terminated() <-chan os.Signal {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	return stop
}

type listenOptions struct {
	hostOptions
	relays  []string
	refresh bool
	serves  bool // as a relay
	limits  relayLimits
}

func listen(o listenOptions) {
	h := makeHost(o.hostOptions)
	ping.NewPingService(h)
	serve(h)
	watch(h)
	if o.serves {
		serveRelay(h, o.limits)
	}
	for _, a := range h.Addrs() {
		say(fields{"event": "listening", "addr": fmt.Sprintf("%s/p2p/%s", a, h.ID())})
	}
	for _, address := range o.relays {
		go reserve(h, address, o.refresh)
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
	l := &link{ctx: network.WithAllowLimitedConn(ctx, "cell"), host: makeHost(hostOptions{version: version}), info: info}
	return l, l.host.Connect(l.ctx, *info)
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
func dial(address string, version int, names []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	var wait sync.WaitGroup
	if slices.Contains(names, "silence") {
		wait.Add(1)
		go func() {
			defer wait.Done()
			l, err := connect(ctx, address, version)
			if err != nil {
				say(fields{"event": "cell", "cell": "silence", "ok": false, "facts": err.Error()})
				return
			}
			run(l, *findCell("silence"))
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
	for _, name := range names {
		if each := findCell(name); each != nil && name != "silence" {
			run(l, *each)
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
	o := listenOptions{}
	flag.Var((*repeated)(&o.listen), "listen", "listen on this address; may be repeated")
	flag.Var((*repeated)(&o.relays), "relay", "reserve on the relay at this address; may be repeated")
	flag.BoolVar(&o.serves, "serve-relay", false, "be a relay, with the limits below (0: go's default)")
	flag.IntVar(&o.limits.reservationTTL, "reservation-ttl", 0, "seconds")
	flag.IntVar(&o.limits.maxReservations, "max-reservations", 0, "of all peers")
	flag.IntVar(&o.limits.circuitSeconds, "circuit-seconds", 0, "of one circuit")
	flag.Int64Var(&o.limits.circuitBytes, "circuit-bytes", 0, "of one circuit, each way")
	flag.IntVar(&o.limits.maxCircuitsPerPeer, "max-circuits-per-peer", 0, "at once")
	flag.BoolVar(&o.limits.announcePrivate, "announce-private", false, "reservations name loopback addresses too")
	flag.IntVar(&o.seed, "seed", 0, "of the key")
	flag.IntVar(&o.version, "direct-version", 1, "of webrtc-direct, when dialling")
	noRefresh := flag.Bool("no-refresh", false, "let reservations expire")
	names := flag.String("cells", "", "which, with commas between")
	holds := flag.Bool("hold", false, "hold a stream instead of running cells")
	job := flag.String("bench", "", "throughput, latency, setups or idle, and how much of it, instead of running cells")
	amount := flag.Float64("amount", 1, "of it")
	flag.Parse()
	o.refresh = !*noRefresh
	switch {
	case len(o.listen) > 0 || len(o.relays) > 0:
		listen(o)
	case *job != "":
		bench(*job, *amount, flag.Arg(0))
	case *holds:
		if err := hold(flag.Arg(0), o.version); err != nil {
			say(fields{"event": "cell", "cell": "hold", "ok": false, "facts": err.Error()})
		}
	default:
		dial(flag.Arg(0), o.version, strings.Split(*names, ","))
	}
}
