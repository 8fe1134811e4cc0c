// Package archive is the format of what kgate embeds: many texts in one file, each deflated on its own and found by its key,
// so that a run reads those that it meets and no others.
//
// A file is the magic, the number of texts (uint32), a row for each text in order of its key (the key, the offset of the text
// in the file, its compressed length and its length: 8 bytes and three uint32, big endian), and the texts.
package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/klauspost/compress/flate"
)

const (
	magic   = "kgate archive 1\n"
	header  = len(magic) + 4
	rowSize = keySize + 3*4
	keySize = 8
)

// Key is what a text is found by: the beginning of the SHA-256 of its name or of its content, as its writer has it. Some
// thousand of them would collide by chance once in 10^12 archives, and who makes keys refuses it.
type Key [keySize]byte

// KeyOf is the key of a name or of a content.
func KeyOf[T ~string | ~[]byte](text T) Key {
	sum := sha256.Sum256([]byte(text))
	return Key(sum[:keySize])
}

// ParseKey reads what String writes.
func ParseKey(text string) (Key, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != keySize {
		return Key{}, fmt.Errorf("%q is no key of an archive", text)
	}
	return Key(key), nil
}

// String is the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Archive is an open file. It is safe for concurrent use.
type Archive struct {
	content string // not []byte: nobody can change a string
	rows    int
}

// Open reads the beginning of a file, and nothing else of it.
func Open(content string) (*Archive, error) {
	if !strings.HasPrefix(content, magic) || len(content) < header {
		return nil, errors.New("it does not begin as an archive of kgate does")
	}
	rows := binary.BigEndian.Uint32([]byte(content[len(magic):header]))
	if uint64(rows)*rowSize > uint64(len(content)-header) {
		return nil, fmt.Errorf("it is too short for %d texts", rows)
	}
	return &Archive{content, int(rows)}, nil
}

// Len is how many texts there are.
func (a *Archive) Len() int { return a.rows }

func (a *Archive) row(i int) string { return a.content[header+i*rowSize:][:rowSize] }

// Read is the text with a key.
func (a *Archive) Read(key Key) ([]byte, error) {
	want := string(key[:])
	i := sort.Search(a.rows, func(i int) bool { return a.row(i)[:keySize] >= want })
	if i == a.rows || a.row(i)[:keySize] != want {
		return nil, errors.New("it is not there")
	}
	number := func(at int) uint64 { return uint64(binary.BigEndian.Uint32([]byte(a.row(i)[keySize+at:][:4]))) }
	offset, compressed, length := number(0), number(4), number(8)
	if offset+compressed > uint64(len(a.content)) {
		return nil, errors.New("it lies outside of the file")
	}
	// One byte more than there should be, to see that there is not.
	var text bytes.Buffer
	if length <= compressed*most {
		text.Grow(int(length) + 1 + bytes.MinRead)
	}
	r := flate.NewReader(strings.NewReader(a.content[offset : offset+compressed]))
	if _, err := io.Copy(&text, io.LimitReader(r, int64(length)+1)); err != nil {
		return nil, err
	}
	if uint64(text.Len()) != length {
		return nil, fmt.Errorf("it has %d bytes where the file says %d", text.Len(), length)
	}
	return text.Bytes(), nil
}

// most is how much smaller deflate can make a text.
const most = 1032

// Write lays out a file. Compression is a pinned module's, not the standard library's, so that a new Go version does not
// change the bytes.
func Write(texts map[Key][]byte) ([]byte, error) {
	var table, data bytes.Buffer
	start := header + len(texts)*rowSize
	for _, key := range slices.SortedFunc(maps.Keys(texts), func(a, b Key) int { return bytes.Compare(a[:], b[:]) }) {
		at := data.Len()
		w, err := flate.NewWriter(&data, flate.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(texts[key]); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		row := slices.Clone(key[:])
		row = binary.BigEndian.AppendUint32(row, uint32(start+at))
		row = binary.BigEndian.AppendUint32(row, uint32(data.Len()-at))
		row = binary.BigEndian.AppendUint32(row, uint32(len(texts[key])))
		table.Write(row)
	}
	file := binary.BigEndian.AppendUint32([]byte(magic), uint32(len(texts)))
	file = append(file, table.Bytes()...)
	return append(file, data.Bytes()...), nil
}
