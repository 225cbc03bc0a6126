package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/archive"
)

// make zips entries as they are, without any policy.
func makeZip(t testing.TB, names ...string) []byte {
	t.Helper()
	return build(t, func(w *zip.Writer) {
		for _, n := range names {
			f, err := w.CreateHeader(&zip.FileHeader{Name: n, Method: zip.Deflate})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(n, "/") {
				fmt.Fprintf(f, "content of %s", n)
			}
		}
	})
}

func build(t testing.TB, fill func(w *zip.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	fill(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// patch sets 16 bits in every central header, and in every local one when
// local is not negative.
func patch(b []byte, central, local int, value uint16) []byte {
	b = bytes.Clone(b)
	for i := 0; i+30 < len(b); i++ {
		switch {
		case string(b[i:i+4]) == "PK\x01\x02":
			binary.LittleEndian.PutUint16(b[i+central:], value)
		case string(b[i:i+4]) == "PK\x03\x04" && local >= 0:
			binary.LittleEndian.PutUint16(b[i+local:], value)
		}
	}
	return b
}

func patch32(b []byte, central, local int, value uint32) []byte {
	b = patch(b, central, local, uint16(value))
	if local >= 0 {
		local += 2
	}
	return patch(b, central+2, local, uint16(value>>16))
}

func TestZP1_NamesAreRefusedAndEscaped(t *testing.T) {
	for name, want := range map[string]string{
		"../x":                     `archive refused: entry "../x" has an empty, . or .. part in its path`,
		"a/../../x":                `archive refused: entry "a/../../x" has an empty, . or .. part in its path`,
		"a/./x":                    `archive refused: entry "a/./x" has an empty, . or .. part in its path`,
		"a//x":                     `archive refused: entry "a//x" has an empty, . or .. part in its path`,
		"..":                       `archive refused: entry ".." has an empty, . or .. part in its path`,
		"/etc/passwd":              `archive refused: entry "/etc/passwd" is an absolute path`,
		"//server/share/x":         `archive refused: entry "//server/share/x" is an absolute path`,
		`\\server\share\x`:         `archive refused: entry "\\\\server\\share\\x" has a backslash in its name`,
		`a\..\x`:                   `archive refused: entry "a\\..\\x" has a backslash in its name`,
		"C:/x":                     `archive refused: entry "C:/x" has a colon in its name (a drive or a stream on Windows)`,
		"c:x":                      `archive refused: entry "c:x" has a colon in its name (a drive or a stream on Windows)`,
		"a.yaml:stream":            `archive refused: entry "a.yaml:stream" has a colon in its name (a drive or a stream on Windows)`,
		"a\x00.yaml":               `archive refused: entry "a\x00.yaml" has a control character in its name`,
		"a\nb":                     `archive refused: entry "a\nb" has a control character in its name`,
		"a\x1b[31mb":               `archive refused: entry "a\x1b[31mb" has a control character in its name`,
		"a\u0085b":                 `archive refused: entry "a\u0085b" has a control character in its name`,
		"a\u2028b":                 `archive refused: entry "a\u2028b" has a control character in its name`,
		"a\xffb":                   `archive refused: entry "a\xffb" has a name that is not UTF-8`,
		".git/config":              `archive refused: entry ".git/config" is named like a file that Git obeys`,
		"a/.GIT/hooks/x":           `archive refused: entry "a/.GIT/hooks/x" is named like a file that Git obeys`,
		".gitmodules":              `archive refused: entry ".gitmodules" is named like a file that Git obeys`,
		"a/.GitAttributes":         `archive refused: entry "a/.GitAttributes" is named like a file that Git obeys`,
		"GIT~1/config":             `archive refused: entry "GIT~1/config" is named like a file that Git obeys`,
		"gitmod~4":                 `archive refused: entry "gitmod~4" is named like a file that Git obeys`,
		"GI7EBA~1":                 `archive refused: entry "GI7EBA~1" is named like a file that Git obeys`,
		".g\u200cit/config":        `archive refused: entry ".g\u200cit/config" has an invisible character in its name`,
		"\u202egnp.exe":            `archive refused: entry "\u202egnp.exe" has an invisible character in its name`,
		"a\ufeff":                  `archive refused: entry "a\ufeff" has an invisible character in its name`,
		"CON":                      `archive refused: entry "CON" is named like a device of Windows`,
		"a/nul.yaml":               `archive refused: entry "a/nul.yaml" is named like a device of Windows`,
		"Com1.tar.gz":              `archive refused: entry "Com1.tar.gz" is named like a device of Windows`,
		"lpt¹":                     `archive refused: entry "lpt\u00b9" is named like a device of Windows`,
		"aux .yaml":                `archive refused: entry "aux .yaml" is named like a device of Windows`,
		"a./x":                     `archive refused: entry "a./x" has a name part that ends in a dot or a blank, which Windows drops`,
		"a /x":                     `archive refused: entry "a /x" has a name part that ends in a dot or a blank, which Windows drops`,
		"x.":                       `archive refused: entry "x." has a name part that ends in a dot or a blank, which Windows drops`,
		"":                         `archive refused: it has an entry without a name`,
		strings.Repeat("a/../", 9): `archive refused: entry "a/../a/../a/../a/../a/../a/../a/../a/../a/../" has an empty, . or .. part in its path`,
	} {
		b := makeZip(t, "root/good.yaml", name)
		if got := refused(t, b).Error(); got != want {
			t.Errorf("%q:\n got %s\nwant %s", name, got, want)
		}
		if err := archive.CheckName(name); err == nil {
			t.Errorf("CheckName takes %q", name)
		}
	}
}

func TestNamesThatAreFine(t *testing.T) {
	for _, name := range []string{
		"export/metadata.yaml", "a b/c.yaml", "Umsätze/Köln.yaml", "日本/表.yaml", "console.yaml", "a..b", "...a", "com10", "comma", "git/x", "gist~1.txt",
		"digit~1", "a'b\"c?*<>|", "~x", "-x", strings.Repeat("x", 255), "📊.yaml",
	} {
		es, err := read(makeZip(t, name))
		if err != nil || len(es) != 1 || es[0].Name != name || string(es[0].Data) != "content of "+name {
			t.Errorf("%q: %v, %v", name, es, err)
		}
	}
	es, err := read(makeZip(t, "folder/", "folder/a", "folder/sub/b"))
	if err != nil || len(es) != 2 {
		t.Errorf("folders: %v, %v", es, err)
	}
	if es, err := read(makeZip(t)); err != nil || len(es) != 0 {
		t.Errorf("an empty archive: %v, %v", es, err)
	}
}

func TestZP2_LinksDevicesEncryptionAndUnknownMethods(t *testing.T) {
	plain := makeZip(t, "root/x")
	modes := map[fs.FileMode]string{
		fs.ModeSymlink | 0o777:                 "is neither a file nor a folder (a link or a device)",
		fs.ModeDevice | 0o600:                  "is neither a file nor a folder (a link or a device)",
		fs.ModeDevice | fs.ModeCharDevice:      "is neither a file nor a folder (a link or a device)",
		fs.ModeNamedPipe:                       "is neither a file nor a folder (a link or a device)",
		fs.ModeSocket:                          "is neither a file nor a folder (a link or a device)",
		fs.ModeSetuid | 0o755:                  "carries set-user, set-group or sticky rights",
		fs.ModeSetgid | 0o755:                  "carries set-user, set-group or sticky rights",
		fs.ModeSticky | 0o755:                  "carries set-user, set-group or sticky rights",
		fs.ModeDir | 0o755:                     "is a folder by its name or by its attributes, but not by both",
		fs.ModeSymlink | fs.ModeSetuid | 0o777: "is neither a file nor a folder (a link or a device)",
	}
	for mode, want := range modes {
		b := build(t, func(w *zip.Writer) {
			h := &zip.FileHeader{Name: "root/x"}
			h.SetMode(mode)
			f, err := w.CreateRaw(h)
			if err == nil {
				_, err = f.Write(nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		if got := refused(t, b); got.Reason != want || got.Entry != "root/x" || got.Damaged {
			t.Errorf("%v: %v", mode, got)
		}
		// The same attributes, said to come from MS-DOS.
		if got := refused(t, patch(b, 4, -1, 20)); got.Reason != want {
			t.Errorf("%v from MS-DOS: %v", mode, got)
		}
	}
	for flags, want := range map[uint16]string{
		0x0001: "is encrypted", 0x0041: "is encrypted", 0x2000: "is encrypted",
		0x0020: "is packed by method 8, only stored and deflated are read",
	} {
		if got := refused(t, patch(plain, 8, 6, flags)); got.Reason != want {
			t.Errorf("flags %x: %v", flags, got)
		}
	}
	for _, method := range []uint16{1, 9, 12, 14, 93, 95, 99} {
		if got := refused(t, patch(plain, 10, 8, method)); !strings.HasPrefix(got.Reason, fmt.Sprintf("is packed by method %d", method)) {
			t.Errorf("method %d: %v", method, got)
		}
	}
	local := bytes.Clone(plain)
	binary.LittleEndian.PutUint16(local[6:], 9) // encrypted, but only before the content
	if got := refused(t, local); got.Reason != "is described differently in the directory and before its content" {
		t.Errorf("%v", got)
	}
}

func TestZP4_TwinsAreRefused(t *testing.T) {
	for _, tc := range []struct {
		names []string
		want  string
		twins bool // let through when twins are allowed
	}{
		{[]string{"a/x", "a/x"}, `entry "a/x" stands twice`, false},
		{[]string{"a/x", "a/X"}, `entry "a/X" differs only by case or Unicode form from "a/x"`, true},
		{[]string{"a/x", "A/y"}, `entry "A/y" lies in a folder that differs only by case or Unicode form from "a"`, true},
		{[]string{"caf\u00e9", "cafe\u0301"}, `entry "cafe\u0301" differs only by case or Unicode form from "caf\u00e9"`, true},
		{[]string{"CAFE\u0301/a", "caf\u00e9/b"}, `entry "caf\u00e9/b" lies in a folder that differs only by case or Unicode form from "CAFE\u0301"`, true},
		{[]string{"stra\u00dfe", "STRASSE"}, `entry "STRASSE" differs only by case or Unicode form from "stra\u00dfe"`, true},
		{[]string{"a", "a/b"}, `entry "a" is a file and a folder`, false},
		{[]string{"a/b", "A"}, `entry "A" is a file and a folder`, true},
		{[]string{"a/", "a"}, `entry "a" is a file and a folder`, false},
	} {
		b := makeZip(t, tc.names...)
		if got := refused(t, b).Error(); got != "archive refused: "+tc.want {
			t.Errorf("%q: %s", tc.names, got)
		}
		es, err := archive.Read(bytes.NewReader(b), int64(len(b)), archive.Limits{Twins: true})
		if (err == nil) != tc.twins || (err == nil && len(es) != 2) {
			t.Errorf("%q with twins allowed: %d, %v", tc.names, len(es), err)
		}
	}
}

func TestZP4_LongAndDeepNames(t *testing.T) {
	for name, want := range map[string]string{
		strings.Repeat("x", 300):            "has a name part longer than 255 bytes",
		strings.Repeat("é", 128):            "has a name part longer than 255 bytes",
		strings.Repeat("d/", 100) + "x":     "lies 100 folders deep, the limit is 32",
		strings.Repeat("dddd/", 1000) + "x": "has a name longer than 4096 bytes",
	} {
		got := refused(t, makeZip(t, name))
		if got.Reason != want || len(got.Error()) > 300 {
			t.Errorf("%.20s…: %v", name, got)
		}
	}
	if _, err := read(makeZip(t, strings.Repeat("d/", 32)+"x")); err != nil {
		t.Errorf("32 folders: %v", err)
	}
}

func TestZP5_DamageIsFoundWhereverItIs(t *testing.T) {
	whole, err := os.ReadFile("testdata/superset-4.1.4-dashboard.zip")
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(whole); cut += 1 + cut/50 {
		if got := refused(t, whole[:cut]); !got.Damaged {
			t.Errorf("cut at %d: %v", cut, got)
		}
	}
	for _, junk := range []string{"x", "\x00", "PK\x05\x06", string(whole)} {
		if got := refused(t, append(bytes.Clone(whole), junk...)); !got.Damaged {
			t.Errorf("%d bytes of junk: %v", len(junk), got)
		}
	}
	if got := refused(t, append([]byte("MZ"), whole...)); !got.Damaged {
		t.Errorf("junk before: %v", got)
	}
	wrong := patch32(makeZip(t, "a/x"), 16, 14, 12345)
	if got := refused(t, wrong).Error(); got != `archive refused: entry "a/x" has a wrong checksum` {
		t.Errorf("checksum: %s", got)
	}
	if got := refused(t, []byte("<html>no zip at all, but long enough to be one</html>")).Error(); got != "archive refused: it has no end record: it is no zip, or it was cut off" {
		t.Errorf("HTML: %s", got)
	}
}

// Every single byte of a small archive is flipped: the archive is refused, or
// what is read is what archive/zip reads.
func TestZP5_FlippedBytes(t *testing.T) {
	whole := makeZip(t, "root/a.yaml", "root/b.yaml")
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x41
		if es, err := read(b); err == nil {
			same(t, b, es)
		}
	}
}

func TestZP5_ZIP64(t *testing.T) {
	const n = 70_000
	b := build(t, func(w *zip.Writer) {
		for i := range n {
			if _, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
	})
	es, err := archive.Read(bytes.NewReader(b), int64(len(b)), archive.Limits{Entries: n})
	if err != nil || len(es) != n {
		t.Fatalf("%d entries, %v", len(es), err)
	}
	if got := refused(t, b).Error(); got != "archive refused: it has 70000 entries, the limit is 20000" {
		t.Errorf("got %s", got)
	}
	// The 64-bit record tells another number, place, or volume.
	at := bytes.LastIndex(b, []byte("PK\x06\x06"))
	for _, off := range []int{0, 4, 16, 20, 24, 32, 40, 48, 56 + 4, 56 + 8} {
		bad := bytes.Clone(b)
		bad[at+off] ^= 1
		if _, err := archive.Read(bytes.NewReader(bad), int64(len(bad)), archive.Limits{Entries: n}); !errors.As(err, new(*archive.UnsafeError)) {
			t.Errorf("byte %d of the record: %v", off, err)
		}
	}
}

func TestZP5_ZIP64SizesOfAnEntry(t *testing.T) {
	extra := make([]byte, 20)
	binary.LittleEndian.PutUint16(extra, 1)
	binary.LittleEndian.PutUint16(extra[2:], 16)
	binary.LittleEndian.PutUint64(extra[4:], 5)
	binary.LittleEndian.PutUint64(extra[12:], 5)
	good := build(t, func(w *zip.Writer) {
		f, err := w.CreateRaw(&zip.FileHeader{Name: "a", CRC32: 0x3610a686, CompressedSize64: 5, UncompressedSize64: 5, Extra: extra})
		if err == nil {
			_, err = f.Write([]byte("hello"))
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	wide := patch32(patch32(good, 20, 18, 0xffffffff), 24, 22, 0xffffffff)
	if es, err := read(wide); err != nil || string(es[0].Data) != "hello" {
		t.Errorf("%v, %v", es, err)
	}
	for _, size := range []uint64{4, 6, 1 << 33, 1 << 63, 1<<64 - 1} {
		bad := bytes.Clone(wide)
		binary.LittleEndian.PutUint64(bad[bytes.LastIndex(bad, extra[:4])+4:], size)
		binary.LittleEndian.PutUint64(bad[bytes.LastIndex(bad, extra[:4])+12:], size)
		refused(t, bad)
	}
	if got := refused(t, patch(wide, 30, -1, 0)); !got.Damaged {
		t.Errorf("without its field: %v", got)
	}
}

func TestErrorsOfTheMediumAreNotTheArchives(t *testing.T) {
	b := makeZip(t, "a", "b")
	for allowed := range 12 {
		_, err := archive.Read(&failing{bytes.NewReader(b), allowed}, int64(len(b)), archive.Limits{})
		if err != nil && !errors.Is(err, errMedium) {
			t.Errorf("after %d reads: %v", allowed, err)
		}
	}
}

var errMedium = errors.New("disk is gone")

type failing struct {
	r       io.ReaderAt
	allowed int
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.allowed--; f.allowed < 0 {
		return 0, errMedium
	}
	return f.r.ReadAt(p, off)
}
