package main

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/multiformats/go-multiaddr"
)

// What a relay gives; 0 is go's default.
type relayLimits struct {
	reservationTTL     int // seconds
	maxReservations    int
	circuitSeconds     int
	circuitBytes       int64
	maxCircuitsPerPeer int
	announcePrivate    bool // reservations name loopback addresses as well, which go leaves out
}

func serveRelay(h host.Host, limits relayLimits) {
	resources := relay.DefaultResources()
	set := func(to *int, from int) {
		if from != 0 {
			*to = from
		}
	}
	set(&resources.MaxReservations, limits.maxReservations)
	set(&resources.MaxCircuits, limits.maxCircuitsPerPeer)
	resources.MaxReservationsPerIP = 1000 // all come from here
	if limits.reservationTTL != 0 {
		resources.ReservationTTL = time.Duration(limits.reservationTTL) * time.Second
	}
	if limits.circuitSeconds != 0 {
		resources.Limit.Duration = time.Duration(limits.circuitSeconds) * time.Second
	}
	if limits.circuitBytes != 0 {
		resources.Limit.Data = limits.circuitBytes
	}
	options := []relay.Option{relay.WithResources(resources)}
	if limits.announcePrivate {
		options = append(options, relay.WithReservationAddressFilter(func(multiaddr.Multiaddr) bool { return true }))
	}
	if _, err := relay.New(h, options...); err != nil {
		fail(err)
	}
}

// Reserves on a relay, says the circuit address, and goes on reserving at half of the time unless told not to.
func reserve(h host.Host, address string, refresh bool) {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := h.Connect(ctx, *info); err != nil {
		fail(err)
	}
	left, err := reserveOnce(ctx, h, info)
	if err != nil {
		fail(err)
	}
	say(fields{"event": "listening", "addr": fmt.Sprintf("%s/p2p-circuit/p2p/%s", address, h.ID())})
	for refresh {
		time.Sleep(left / 2)
		if left, err = reserveOnce(context.Background(), h, info); err != nil {
			say(fields{"event": "reservation-lost", "error": err.Error()})
			return
		}
	}
}

func reserveOnce(ctx context.Context, h host.Host, info *peer.AddrInfo) (time.Duration, error) {
	reservation, err := client.Reserve(ctx, h, *info)
	if err != nil {
		return 0, err
	}
	left := time.Until(reservation.Expiration)
	say(fields{"event": "reserved", "relay": info.ID.String(), "seconds": int(left.Seconds() + 0.5),
		"addrs": len(reservation.Addrs), "voucher": reservation.Voucher != nil,
		"circuit_seconds": int(reservation.LimitDuration.Seconds()), "circuit_bytes": reservation.LimitData})
	return max(left, time.Second), nil
}
