// A go-libp2p peer for the interop table: listens, or dials and runs cells. One JSON object per line.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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

const echo = "/echo/1.0.0"

func say(fields map[string]any) {
	line, _ := json.Marshal(fields)
	fmt.Println(string(line))
}

func fail(err error) {
	say(map[string]any{"event": "result", "ok": false, "error": err.Error()})
	os.Exit(1)
}

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
	h.SetStreamHandler(echo, func(s network.Stream) {
		if _, err := io.Copy(s, s); err != nil {
			s.Reset()
			return
		}
		s.Close()
	})
	return h
}

func listen(address string) {
	h := makeHost(address, 1)
	ping.NewPingService(h)
	for _, a := range h.Addrs() {
		say(map[string]any{"event": "listening", "addr": fmt.Sprintf("%s/p2p/%s", a, h.ID())})
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	h.Close()
	say(map[string]any{"event": "result", "ok": true})
}

// Sends all, half-closes, and reads to the end.
func echoBytes(ctx context.Context, h host.Host, id peer.ID, size int) error {
	s, err := h.NewStream(ctx, id, echo)
	if err != nil {
		return err
	}
	data := make([]byte, size)
	rand.Read(data)
	wrong := make(chan error, 1)
	go func() {
		_, err := s.Write(data)
		if err == nil {
			err = s.CloseWrite()
		}
		wrong <- err
	}()
	back, err := io.ReadAll(s)
	if err != nil {
		return err
	}
	if err := <-wrong; err != nil {
		return err
	}
	if sha256.Sum256(back) != sha256.Sum256(data) || !bytes.Equal(back, data) {
		return fmt.Errorf("%d bytes went, %d other ones came back", size, len(back))
	}
	return s.Close()
}

func cellsOf(ctx context.Context, h host.Host, info *peer.AddrInfo) []struct {
	name string
	run  func() (string, error)
} {
	id := info.ID
	return []struct {
		name string
		run  func() (string, error)
	}{
		{"dial", func() (string, error) {
			begun := time.Now()
			err := h.Connect(ctx, *info)
			return fmt.Sprintf("set up in %d ms", time.Since(begun).Milliseconds()), err
		}},
		{"ping", func() (string, error) {
			pings := ping.Ping(ctx, h, id)
			for i := 0; i < 20; i++ {
				if r := <-pings; r.Error != nil {
					return "", r.Error
				}
			}
			return "20 pings", nil
		}},
		{"identify-read", func() (string, error) {
			agent, err := h.Peerstore().Get(id, "AgentVersion")
			return fmt.Sprint(agent), err
		}},
		{"echo-sizes", func() (string, error) {
			for _, size := range []int{0, 1, 1000, 16376, 16377, 16378, 65535, 1000003} {
				if err := echoBytes(ctx, h, id, size); err != nil {
					return "", fmt.Errorf("%d bytes: %w", size, err)
				}
			}
			return "8 sizes", nil
		}},
		{"echo-8MiB", func() (string, error) { return "", echoBytes(ctx, h, id, 8<<20) }},
		{"streams-256", func() (string, error) {
			var wait sync.WaitGroup
			wrong := make(chan error, 256)
			for i := 0; i < 256; i++ {
				wait.Add(1)
				go func() {
					defer wait.Done()
					wrong <- echoBytes(ctx, h, id, 65536)
				}()
			}
			wait.Wait()
			for i := 0; i < 256; i++ {
				if err := <-wrong; err != nil {
					return "", err
				}
			}
			return "256 x 64 KiB", nil
		}},
		{"streams-2000", func() (string, error) {
			for i := 0; i < 2000; i++ {
				if err := echoBytes(ctx, h, id, 10); err != nil {
					return "", fmt.Errorf("stream %d: %w", i, err)
				}
			}
			return "2000 in sequence", nil
		}},
		{"unsupported", func() (string, error) {
			s, err := h.NewStream(ctx, id, "/nobody/1.0.0")
			if err == nil {
				s.Reset()
				return "", fmt.Errorf("accepted")
			}
			return err.Error(), nil
		}},
		{"silence", func() (string, error) {
			time.Sleep(30 * time.Second)
			return "echo after 30 s", echoBytes(ctx, h, id, 1000)
		}},
	}
}

func dial(address string, version int) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		fail(err)
	}
	h := makeHost("", version)
	for _, cell := range cellsOf(ctx, h, info) {
		begun := time.Now()
		facts, err := cell.run()
		if err != nil {
			facts = err.Error()
		}
		if cell.name == "dial" {
			say(map[string]any{"event": "dialled", "cell": "dial", "peer": h.ID().String()})
		}
		say(map[string]any{"event": "cell", "cell": cell.name, "ok": err == nil, "facts": facts,
			"ms": time.Since(begun).Milliseconds()})
		if err != nil && cell.name == "dial" {
			break
		}
	}
	say(map[string]any{"event": "closed", "peer": h.ID().String()})
	h.Close()
	say(map[string]any{"event": "done"})
}

func main() {
	listenOn := flag.String("listen", "", "listen on this address")
	version := flag.Int("direct-version", 1, "of webrtc-direct, when dialling")
	flag.Parse()
	if *listenOn != "" {
		listen(*listenOn)
	} else {
		dial(flag.Arg(0), *version)
	}
}
