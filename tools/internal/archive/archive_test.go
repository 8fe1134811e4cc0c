package archive

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

func written(t testing.TB, texts ...string) string {
	t.Helper()
	all := map[Key][]byte{}
	for _, text := range texts {
		all[KeyOf(text)] = []byte(text)
	}
	file, err := Write(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

func TestArchive(t *testing.T) {
	texts := []string{"", "a", strings.Repeat("b", 1<<20)}
	for i := range 1000 {
		texts = append(texts, fmt.Sprintf("text %d", i))
	}
	file := written(t, texts...)
	a, err := Open(file)
	if err != nil || a.Len() != len(texts) {
		t.Fatalf("got %v, %v", a, err)
	}
	for _, text := range texts {
		key, err := ParseKey(KeyOf(text).String())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.Read(key); err != nil || string(got) != text {
			t.Errorf("%.20q: got %.20q, %v", text, got, err)
		}
	}
	for _, absent := range []Key{{}, KeyOf("absent"), {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
		if got, err := a.Read(absent); err == nil {
			t.Errorf("%s: got %q", absent, got)
		}
	}
	if again := written(t, texts...); again != file {
		t.Error("the same texts give another file")
	}
	for _, text := range []string{"", "0102", "x102030405060708", "010203040506070809"} {
		if key, err := ParseKey(text); err == nil {
			t.Errorf("%q is the key %s", text, key)
		}
	}
}

// A file that is cut short, or says what is not so, is an error and not another text.
func TestBrokenArchive(t *testing.T) {
	const text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	row := func(d []byte) []byte { return d[header:][:rowSize] }
	for name, damage := range map[string]func([]byte) []byte{
		"cut short":         func(d []byte) []byte { return d[:header+rowSize] },
		"cut in the table":  func(d []byte) []byte { return d[:header+rowSize-1] },
		"cut in the header": func(d []byte) []byte { return d[:header-1] },
		"empty":             func([]byte) []byte { return nil },
		"another format":    func(d []byte) []byte { d[0]++; return d },
		"more than said":    func(d []byte) []byte { binary.BigEndian.PutUint32(row(d)[keySize+8:], 1); return d },
		"less than said":    func(d []byte) []byte { binary.BigEndian.PutUint32(row(d)[keySize+8:], 1<<31); return d },
		"no deflate": func(d []byte) []byte {
			for i := range 4 {
				d[header+rowSize+i] ^= 0xff
			}
			return d
		},
		"outside":     func(d []byte) []byte { binary.BigEndian.PutUint32(row(d)[keySize:], 1<<31); return d },
		"another key": func(d []byte) []byte { row(d)[keySize-1]++; return d },
		"too many":    func(d []byte) []byte { binary.BigEndian.PutUint32(d[len(magic):], 1<<32-1); return d },
	} {
		a, err := Open(string(damage([]byte(written(t, text)))))
		if err != nil {
			continue
		}
		if got, err := a.Read(KeyOf(text)); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(written(f, "a", "b"), []byte("a"))
	f.Add(magic+"\x00\x00\x00\x01", []byte{})
	f.Fuzz(func(t *testing.T, content string, name []byte) {
		a, err := Open(content)
		if err != nil {
			return
		}
		keys := []Key{KeyOf(name)}
		for i := range min(a.Len(), 10) {
			keys = append(keys, Key([]byte(a.row(i)[:keySize])))
		}
		for _, key := range keys {
			if text, err := a.Read(key); err == nil && len(text) > len(content)*most+most {
				t.Errorf("%d bytes out of %d", len(text), len(content))
			}
		}
	})
}
