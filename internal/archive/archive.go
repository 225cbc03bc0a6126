// Package archive reads zip archives that nobody vouches for and writes stable
// ones. It is strict: an archive is read whole or refused with one sentence
// that names the entry, and nothing is ever written to disk here.
package archive

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Entry is one file of an archive.
type Entry struct {
	Name   string // slash path, safe on Linux, macOS and Windows
	Data   []byte
	Stored bool // Write does not pack it; Read leaves it false
}

// Limits bound what an archive may unpack to. A zero field means its default.
type Limits struct {
	Total   int64 // bytes of all files; 256 MB
	File    int64 // bytes of one file; 16 MB
	Entries int   // files and folders; 20,000
	Ratio   int64 // unpacked to packed, asked of what unpacks to over 1 MB; 200
	Depth   int   // folders in a path; 32
	// Twins lets names through that differ only by case or Unicode form, for
	// callers that never use them as file names: a Superset with databases
	// "Sales" and "sales" exports such an archive. A name that stands twice is
	// refused all the same.
	Twins bool
}

func (l Limits) orDefault() Limits {
	for _, f := range []struct {
		field *int64
		value int64
	}{{&l.Total, 256 << 20}, {&l.File, 16 << 20}, {&l.Ratio, 200}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if l.Entries == 0 {
		l.Entries = 20_000
	}
	if l.Depth == 0 {
		l.Depth = 32
	}
	return l
}

// ratioFrom: below this size a high ratio is ordinary (a short text repeated)
// and harmless.
const ratioFrom = 1 << 20

// UnsafeError says why an archive is refused. Nothing of it was used.
type UnsafeError struct {
	Entry   string // as the archive names it; "" when the archive as a whole is meant
	Reason  string
	Damaged bool // cut or corrupt rather than hostile: fetching it again may help
}

func (e *UnsafeError) Error() string {
	if e.Entry == "" {
		return "archive refused: " + e.Reason
	}
	return "archive refused: entry " + quote(e.Entry) + " " + e.Reason
}

// quote escapes a name from outside and keeps it short.
func quote(name string) string {
	const limit = 120
	var b strings.Builder
	for _, r := range name {
		b.WriteRune(r)
		if len(strconv.QuoteToASCII(b.String())) > limit {
			return strconv.QuoteToASCII(b.String()) + "…"
		}
	}
	return strconv.QuoteToASCII(name)
}

func refuse(entry, format string, args ...any) *UnsafeError {
	return &UnsafeError{Entry: entry, Reason: fmt.Sprintf(format, args...)}
}

func damaged(entry, format string, args ...any) *UnsafeError {
	return &UnsafeError{Entry: entry, Reason: fmt.Sprintf(format, args...), Damaged: true}
}

// Read unpacks an archive of the given size into memory, in the order of its
// directory, folders left out. Any fault refuses the whole archive with an
// *UnsafeError; nested archives are returned unopened. An error of r is
// returned as it is.
func Read(r io.ReaderAt, size int64, limits Limits) ([]Entry, error) {
	l := limits.orDefault()
	headers, start, err := directory(r, size, l)
	if err != nil {
		return nil, err
	}
	if err := checkNames(headers, l); err != nil {
		return nil, err
	}
	if err := checkSizes(headers, size, l); err != nil {
		return nil, err
	}
	if err := locate(r, headers, start); err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(headers))
	for _, h := range headers {
		if h.folder() {
			continue
		}
		data, err := unpack(r, h)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Name: h.name, Data: data})
	}
	return entries, nil
}

// checkSizes refuses bombs by what the directory says; unpack holds each entry
// to it.
func checkSizes(headers []header, size int64, l Limits) error {
	var total int64
	for _, h := range headers {
		if h.size > l.File {
			return refuse(h.name, "unpacks to %d bytes, the limit is %d", h.size, l.File)
		}
		if h.size > ratioFrom && h.size/max(1, h.packed) > l.Ratio {
			return refuse(h.name, "unpacks to %d times its packed size, the limit is %d", h.size/max(1, h.packed), l.Ratio)
		}
		if total += h.size; total > l.Total {
			return refuse("", "it unpacks to more than %d bytes", l.Total)
		}
	}
	if total > ratioFrom && total/max(1, size) > l.Ratio {
		return refuse("", "it unpacks to %d times its size, the limit is %d", total/max(1, size), l.Ratio)
	}
	return nil
}
