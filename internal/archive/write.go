package archive

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

// Write packs entries into a zip that depends on nothing but them: sorted by
// name, dated 1980-01-01 (the earliest zip knows), no rights, sizes before the
// content. Names are held to the policy of Read; the error is an *UnsafeError.
func Write(entries []Entry) ([]byte, error) {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	headers := make([]header, len(sorted))
	for i, e := range sorted {
		headers[i] = header{name: e.Name}
		if headers[i].folder() {
			return nil, refuse(e.Name, "is a folder; folders are made by the files in them")
		}
	}
	if err := checkNames(headers, Limits{}.orDefault()); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	pack, err := flate.NewWriter(nil, flate.DefaultCompression) // reused: each one takes 650 KB
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	for _, e := range sorted {
		if err := writeEntry(w, pack, e); err != nil {
			return nil, fmt.Errorf("pack %s: %w", quote(e.Name), err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return out.Bytes(), nil
}

func writeEntry(w *zip.Writer, pack *flate.Writer, e Entry) error {
	h := &zip.FileHeader{
		Name: e.Name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(e.Data),
		UncompressedSize64: uint64(len(e.Data)),
	}
	const utf8Names = 1 << 11
	if strings.ContainsFunc(e.Name, func(r rune) bool { return r > 0x7f }) {
		h.Flags |= utf8Names
	}
	h.ReaderVersion = 20
	h.SetModTime(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) //nolint:staticcheck // sets the old fields without the extra one
	body := e.Data
	if packed, err := deflate(pack, e.Data); err != nil {
		return err
	} else if len(packed) < len(e.Data) && !e.Stored {
		h.Method, body = zip.Deflate, packed
	}
	h.CompressedSize64 = uint64(len(body))
	out, err := w.CreateRaw(h)
	if err != nil {
		return err
	}
	_, err = out.Write(body)
	return err
}

func deflate(w *flate.Writer, data []byte) ([]byte, error) {
	var b bytes.Buffer
	w.Reset(&b)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
