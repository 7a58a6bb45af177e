package main

import (
	"context"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// What `./dev bench` wants of go: the same jobs and lines as bench/peers/js_dialer.mjs.

const warm = 300 * time.Millisecond

func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		fail(err)
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// Sends for some time; returns when the remote has all of it. How many bytes.
func (l *link) sendFor(d time.Duration) (int, error) {
	s, err := l.open(perfID)
	if err != nil {
		return 0, err
	}
	defer s.Reset()
	if _, err := s.Write(make([]byte, 8)); err != nil { // nothing is wanted back
		return 0, err
	}
	block, sent := pattern(16384, 3), 0
	for until := time.Now().Add(d); time.Now().Before(until); sent += len(block) {
		if _, err := s.Write(block); err != nil {
			return 0, err
		}
	}
	if err := s.CloseWrite(); err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, s)
	return sent, err
}

func benchThroughput(l *link, seconds float64) (fields, error) {
	if _, err := l.sendFor(warm); err != nil {
		return nil, err
	}
	say(fields{"mark": "begin"})
	cpu, begun := cpuSeconds(), time.Now()
	bytes, err := l.sendFor(time.Duration(seconds * float64(time.Second)))
	took, used := time.Since(begun).Seconds(), cpuSeconds()-cpu
	say(fields{"mark": "end"})
	gigabytes := float64(bytes) / 1e9
	return fields{"bytes": bytes, "gbit_s": gigabytes * 8 / took, "sender_cpu": used / gigabytes}, err
}

func benchLatency(l *link, count int) (fields, error) {
	s, err := l.open(echoID)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	message, times := pattern(64, 4), []float64{}
	for range count {
		begun := time.Now()
		if _, err := s.Write(message); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(s, message); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(begun).Nanoseconds())/1000)
	}
	return fields{"rtt_us": median(times)}, nil
}

func benchSetups(l *link, count int) (fields, error) {
	times := []float64{}
	say(fields{"mark": "begin"})
	for range count {
		if err := l.host.Network().ClosePeer(l.info.ID); err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := l.host.Connect(l.ctx, *l.info); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(begun).Nanoseconds())/1e6)
	}
	say(fields{"mark": "end"})
	return fields{"setups": count, "setup_ms": median(times)}, nil
}

// Connections of as many hosts, until SIGTERM.
func benchIdle(address string, count int) (fields, error) {
	info, err := peer.AddrInfoFromString(address)
	for i := 0; i < count && err == nil; i++ {
		err = makeHost(hostOptions{version: 1}).Connect(context.Background(), *info)
	}
	if err == nil {
		say(fields{"mark": "end"})
		<-terminated()
	}
	return fields{"links": count}, err
}

func bench(job string, amount float64, address string) {
	if job == "idle" {
		line, err := benchIdle(address, int(amount))
		if err != nil {
			fail(err)
		}
		say(line)
		return
	}
	l, err := connect(context.Background(), address, 1)
	if err != nil {
		fail(err)
	}
	line := fields{}
	switch job {
	case "throughput":
		line, err = benchThroughput(l, amount)
	case "latency":
		line, err = benchLatency(l, int(amount))
	case "setups":
		line, err = benchSetups(l, int(amount))
	}
	if err != nil {
		fail(err)
	}
	say(line)
}
