package release

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Position is a place in the order of releases: the one that a page ended with. Neither half of it ever changes, so
// that a walk neither meets a release twice nor misses one.
type Position struct {
	StartedAt time.Time // whole microseconds
	ID        string    // lower-case UUID
}

// A cursor is, in base64url: a version byte, 4 bytes that belong to the filter, the microseconds, the UUID.
const (
	cursorVersion = 1
	cursorLength  = 1 + 4 + 8 + 16
)

var (
	errCursor      = errors.New("must be the next cursor of an earlier page, unchanged")
	errOtherFilter = errors.New("belongs to a search with other filters")
)

// CursorAt returns the cursor of the page of f that follows p.
func (f Filter) CursorAt(p Position) (string, error) {
	id, err := parseUUID(p.ID)
	if err != nil {
		return "", fmt.Errorf("cursor at %q: %w", p.ID, err)
	}
	b := make([]byte, 0, cursorLength)
	b = append(b, cursorVersion)
	b = append(b, f.digest()...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.StartedAt.UnixMicro()))
	b = append(b, id[:]...)
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Position returns the place after which the page of f begins, nil at the start.
func (f Filter) Position() (*Position, error) {
	if f.Cursor == "" {
		return nil, nil
	}
	if len(f.Cursor) != base64.RawURLEncoding.EncodedLen(cursorLength) || strings.ContainsAny(f.Cursor, "\r\n") {
		return nil, errCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(f.Cursor)
	if err != nil || len(b) != cursorLength || b[0] != cursorVersion {
		return nil, errCursor
	}
	if string(b[1:5]) != string(f.digest()) {
		return nil, errOtherFilter
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(b[5:13]))).UTC()
	// Outside these years no release can have started, and PostgreSQL may not be able to hold the time.
	if at.Before(earliest) || at.Year() > 9999 {
		return nil, errCursor
	}
	return &Position{StartedAt: at, ID: formatUUID([16]byte(b[13:]))}, nil
}

// Cursor is p as the place after which the next page of what runs begins.
func (p Place) Cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.Service + "/" + p.Environment + "/" + string(p.Track)))
}

// PlaceAt reads a Cursor. Its error says what is wrong with it.
func PlaceAt(cursor string) (Place, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	parts := strings.Split(string(text), "/")
	if err != nil || len(parts) != 3 {
		return Place{}, errCursor
	}
	p := Place{Service: parts[0], Environment: parts[1], Track: Track(parts[2])}
	var f faults
	f.name("service", p.Service)
	f.name("environment", p.Environment)
	if f.err() != nil || !p.Track.Known() || p.Cursor() != cursor {
		return Place{}, errCursor
	}
	return p, nil
}

// digest tells one search from another; the page size may change on the way. It is no protection and needs none: a
// cursor holds nothing that its page did not show.
func (f Filter) digest() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %d %d", f.Service, f.Environment, f.Version, f.Outcome, f.Track,
		f.From.UnixMicro(), f.To.UnixMicro())
	if f.Kind != "" { // apart, so that cursors from before there were kinds go on
		fmt.Fprintf(h, " %q", f.Kind)
	}
	if f.Actor != "" {
		fmt.Fprintf(h, " actor %q", f.Actor)
	}
	return h.Sum(nil)[:4]
}

// ValidID reports whether s can be the id of a release: a lower-case UUID.
func ValidID(s string) bool {
	_, err := parseUUID(s)
	return err == nil
}

func parseUUID(s string) (id [16]byte, err error) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' || strings.ToLower(s) != s {
		return id, errors.New("not a lower-case UUID")
	}
	if n, err := hex.Decode(id[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:])); err != nil || n != len(id) {
		return id, errors.New("not a lower-case UUID")
	}
	return id, nil
}

func formatUUID(id [16]byte) string {
	s := hex.EncodeToString(id[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
