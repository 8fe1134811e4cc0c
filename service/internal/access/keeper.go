package access

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// mostFile is far beyond any list of tokens.
const mostFile = 1 << 20

// Options is what a Keeper is made of.
type Options struct {
	// File is read, and read again by Reload; "" for none. One that is not there names nobody.
	File string
	// Tokens have no names and may do everything. An empty one is an error, not an open door.
	Tokens []string
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Instrument measures the requests to issuers; nil for not.
	Instrument func(http.RoundTripper) http.RoundTripper
}

// Keeper knows who may do what. It is safe for concurrent use.
type Keeper struct {
	file    string
	unnamed []token
	now     func() time.Time
	current atomic.Pointer[policy]

	instrument func(http.RoundTripper) http.RoundTripper

	mu   sync.Mutex // of Reload
	seen []byte     // content that was read last, nil for none
}

// New makes a Keeper. Where the file is not valid, the error is an *Invalid.
func New(o Options) (*Keeper, error) {
	k := &Keeper{file: o.File, now: o.Now, instrument: o.Instrument}
	if k.now == nil {
		k.now = time.Now
	}
	all := []Glob{"*"}
	for _, t := range o.Tokens {
		if t == "" {
			return nil, errors.New("an empty token would let everyone write")
		}
		k.unnamed = append(k.unnamed, token{
			sum: sha256.Sum256([]byte(t)), secret: []byte(t),
			as: Identity{Via: "token:" + unnamed, Grants: []Grant{{Permissions(), all, all}}},
		})
	}
	k.current.Store(&policy{})
	if _, err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Reload reads the file again and reports whether it holds something else than before. Of what is not valid nothing is
// taken: what held before holds on, and the error says so once for each content, or, where a file that it refers to cannot be
// read, every time.
func (k *Keeper) Reload() (changed bool, err error) {
	if k.file == "" {
		return false, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	content, err := readFile(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		// Whoever takes the file away takes back what it gave.
		changed := k.seen != nil
		k.seen = nil
		k.current.Store(&policy{})
		return changed, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the access file: %w", err)
	}
	if k.seen != nil && bytes.Equal(content, k.seen) {
		return false, nil
	}
	k.seen = content // of an empty file, empty and not nil
	f, p, err := parse(k.file, content)
	if err != nil {
		return false, err
	}
	before := k.current.Load().issuers
	for _, e := range f.Issuers {
		// What is not changed keeps the keys that it has.
		if i := slices.IndexFunc(before, func(i *issuer) bool { return reflect.DeepEqual(i.entry, e) }); i >= 0 {
			p.issuers = append(p.issuers, before[i])
			continue
		}
		made, err := newIssuer(e, k.now, k.instrument)
		if err != nil {
			k.seen = nil // what it refers to may be mended
			return false, fmt.Errorf("access file %s: issuer %s: %w", k.file, e.Name, err)
		}
		p.issuers = append(p.issuers, made)
	}
	k.current.Store(p)
	return true, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err == nil && len(content) > mostFile {
		err = fmt.Errorf("%s has more than %d bytes", name, mostFile)
	}
	return content, err
}

// Empty reports whether nobody may do anything.
func (k *Keeper) Empty() bool {
	p := k.current.Load()
	return len(k.unnamed)+len(p.tokens)+len(p.issuers) == 0
}

// Identify returns whose a credential is. The error is a *Denied or wraps ErrIssuerUnavailable. Every token of the file is
// compared, whichever matches, by hashes of one length.
func (k *Keeper) Identify(ctx context.Context, credential string) (Identity, error) {
	p := k.current.Load()
	sum := sha256.Sum256([]byte(credential))
	var found *token
	for _, tokens := range [][]token{k.unnamed, p.tokens} {
		for i := range tokens {
			if subtle.ConstantTimeCompare(tokens[i].sum[:], sum[:]) == 1 {
				found = &tokens[i]
			}
		}
	}
	if found != nil {
		return k.live(found)
	}
	if t, ok := toldBy(credential); ok {
		for _, i := range p.issuers {
			if i.entry.Issuer == t.Issuer && slices.Contains(t.Audience, i.entry.Audience) {
				return i.identify(ctx, credential)
			}
		}
		if len(p.issuers) > 0 {
			return Identity{}, denied(Unknown, "the token is of no issuer and audience that are known here")
		}
	}
	return Identity{}, denied(Unknown, "the token is not known here")
}

func (k *Keeper) live(t *token) (Identity, error) {
	if !t.expires.IsZero() && !k.now().Before(t.expires) {
		return Identity{}, denied(Expired, "the token has expired")
	}
	return t.as, nil
}

// Signs reports whether some token is known whole, so that something can be signed with it.
func (k *Keeper) Signs() bool {
	known := func(t token) bool { return t.secret != nil }
	return slices.ContainsFunc(k.unnamed, known) || slices.ContainsFunc(k.current.Load().tokens, known)
}

// Signer returns whose token made the HMAC-SHA256 of data. Every token is tried, whichever made it.
func (k *Keeper) Signer(data, mac []byte) (Identity, error) {
	var found *token
	for _, tokens := range [][]token{k.unnamed, k.current.Load().tokens} {
		for i := range tokens {
			if tokens[i].secret == nil {
				continue
			}
			h := hmac.New(sha256.New, tokens[i].secret)
			h.Write(data)
			if hmac.Equal(h.Sum(nil), mac) {
				found = &tokens[i]
			}
		}
	}
	if found == nil {
		return Identity{}, denied(Unknown, "the signature is by no token that is known here")
	}
	return k.live(found)
}
