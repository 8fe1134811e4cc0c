package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Failures at once, and one more every so often, are answered as what they are; the next are told to wait.
const (
	failuresAtOnce = 10
	failuresEvery  = 6 * time.Second
	// mostAddresses bounds memory, about half a megabyte. The one that failed longest ago is forgotten first.
	mostAddresses = 4096
)

// Failures holds back those who fail, by address. A credential that is good is never held back, so that nobody can lock out
// others who share an address. It is safe for concurrent use.
type Failures struct {
	mu     sync.Mutex
	recent *list.List // of failure, the latest first
	at     map[netip.Prefix]*list.Element
}

type failure struct {
	from  netip.Prefix
	limit *rate.Limiter
}

// NewFailures makes a Failures that has seen none.
func NewFailures() *Failures {
	return &Failures{recent: list.New(), at: map[netip.Prefix]*list.Element{}}
}

// Failed counts a failure, and returns how long its sender is to wait, 0 while it fails little.
func (f *Failures) Failed(from netip.Addr, now time.Time) time.Duration {
	p := networkOf(from)
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.at[p]
	if e == nil {
		if len(f.at) >= mostAddresses {
			oldest := f.recent.Back()
			delete(f.at, oldest.Value.(failure).from)
			f.recent.Remove(oldest)
		}
		e = f.recent.PushFront(failure{p, rate.NewLimiter(rate.Every(failuresEvery), failuresAtOnce)})
		f.at[p] = e
	}
	f.recent.MoveToFront(e)
	r := e.Value.(failure).limit.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now) // or who goes on would wait ever longer
	}
	return wait
}

// networkOf is the address itself, or the network of IPv6 that one host commonly has whole.
func networkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: all of them share one count
	}
	return p
}
