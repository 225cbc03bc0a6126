package repo_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// powerDisk is a file system that forgets. It is fed the system calls of a program
// and knows, for each file and each folder, what it is now and what was flushed.
// A power cut keeps the latter for sure and of the rest what it likes.
type powerDisk struct {
	base    string // the folder it stands for
	root    *node
	flushed map[string]*node // names at the last flush of anything: a journal keeps their order
	offsets map[string]int   // of open files, by descriptor and path
}

type node struct {
	mode      fs.FileMode
	now, kept []byte           // of a file
	names     map[string]*node // of a folder
	keptNames map[string]*node
}

// loadDisk takes a folder as it lies on the disk; all of it is flushed.
func loadDisk(t testing.TB, base string) *powerDisk {
	t.Helper()
	var load func(p string) *node
	load = func(p string) *node {
		fi, err := os.Lstat(p)
		if err != nil {
			t.Fatal(err)
		}
		n := &node{mode: fi.Mode()}
		if !fi.IsDir() {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			n.now, n.kept = data, data
			return n
		}
		list, err := os.ReadDir(p)
		if err != nil {
			t.Fatal(err)
		}
		n.names, n.keptNames = map[string]*node{}, map[string]*node{}
		for _, e := range list {
			n.names[e.Name()] = load(filepath.Join(p, e.Name()))
			n.keptNames[e.Name()] = n.names[e.Name()]
		}
		return n
	}
	d := &powerDisk{base: base, root: load(base), offsets: map[string]int{}}
	d.flushed = d.flat(false)
	return d
}

// find returns what stands at an absolute path, with its folder and name; the
// folder is nil when the path is elsewhere.
func (d *powerDisk) find(p string) (dir *node, name string, n *node) {
	rel, ok := strings.CutPrefix(path.Clean(p), d.base)
	if !ok || rel != "" && rel[0] != '/' {
		return nil, "", nil
	}
	n = d.root
	for part := range strings.SplitSeq(strings.Trim(rel, "/"), "/") {
		if part == "" {
			return nil, "", n
		}
		if n == nil || n.names == nil {
			return nil, "", nil
		}
		dir, name, n = n, part, n.names[part]
	}
	return dir, name, n
}

// flat lists every path; kept takes the names that were flushed for sure.
func (d *powerDisk) flat(kept bool) map[string]*node {
	out := map[string]*node{}
	var walk func(at string, n *node)
	walk = func(at string, n *node) {
		out[at] = n
		names := n.names
		if kept {
			names = n.keptNames
		}
		for name, sub := range names {
			walk(path.Join(at, name), sub)
		}
	}
	walk("", d.root)
	return out
}

// diskState is what a power cut may leave: content by path, nil for a folder.
type diskState struct {
	what  string
	files map[string][]byte
	modes map[string]fs.FileMode
}

// states are what a cut at this moment may leave.
func (d *powerDisk) states() []diskState {
	make := func(what string, names map[string]*node, content func(*node) []byte) diskState {
		s := diskState{what, map[string][]byte{}, map[string]fs.FileMode{}}
		for p, n := range names {
			s.modes[p] = n.mode
			if n.names == nil {
				s.files[p] = content(n)
			}
		}
		return s
	}
	kept := func(n *node) []byte { return n.kept }
	zeros := func(n *node) []byte {
		if len(n.now) <= len(n.kept) {
			return n.kept
		}
		return append(bytes.Clone(n.kept), bytes.Repeat([]byte{0}, len(n.now)-len(n.kept))...)
	}
	return []diskState{
		make("only what was flushed", d.flat(true), kept),
		make("names up to the last flush of anything", d.flushed, kept),
		make("all names, contents as flushed", d.flat(false), kept),
		make("all names, zeros where nothing was flushed", d.flat(false), zeros),
	}
}

func (s diskState) key() string {
	h := sha256.New()
	paths := map[string]bool{}
	for p := range s.modes {
		paths[p] = true
	}
	for p := range strings.FieldsSeq(list(paths)) {
		data, file := s.files[p]
		fmt.Fprintf(h, "%s %v %d\n%s\n", p, file, len(data), data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

var bootLine = regexp.MustCompile(`"boot":"[0-9a-f]`)

// reboot lets the journal be of an earlier start of the system.
func (s diskState) reboot() {
	const journal = ".git/dashkeep/journal"
	if data, ok := s.files[journal]; ok {
		s.files[journal] = bootLine.ReplaceAll(data, []byte(`"boot":"x`))
	}
}

// write makes the state a real folder.
func (s diskState) write(t testing.TB, dir string) {
	t.Helper()
	for p, mode := range s.modes {
		if _, file := s.files[p]; !file {
			if err := os.MkdirAll(filepath.Join(dir, p), mode.Perm()|0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	for p, data := range s.files {
		if err := os.WriteFile(filepath.Join(dir, p), data, s.modes[p].Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// sysCall is one line of strace -y -xx: texts are its paths and strings in order.
type sysCall struct {
	name, args string
	texts      []string
	result     string
}

var (
	sysLine = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (.*)$`)
	sysText = regexp.MustCompile(`["<]((?:\\x[0-9a-f]{2})*)[">]`)
)

// readCalls parses a log. Lines that were interrupted by another thread are put
// together again, at the place where the call ended.
func readCalls(t testing.TB, log string) []sysCall {
	t.Helper()
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	begun := map[string]string{}
	var out []sysCall
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		line := sc.Text()
		tid, _, _ := strings.Cut(line, " ")
		if head, ok := strings.CutSuffix(line, " <unfinished ...>"); ok {
			begun[tid] = head
			continue
		}
		if _, tail, ok := strings.Cut(line, " resumed>"); ok {
			line = begun[tid] + tail
		}
		m := sysLine.FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[4], "-1 ") {
			continue
		}
		c := sysCall{name: m[2], args: m[3], result: m[4]}
		for _, s := range sysText.FindAllStringSubmatch(m[3], -1) {
			raw, err := hex.DecodeString(strings.ReplaceAll(s[1], `\x`, ""))
			if err != nil {
				t.Fatal(err)
			}
			c.texts = append(c.texts, string(raw))
		}
		out = append(out, c)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// diskCalls are the calls that change a disk or flush it. The last ones are not
// understood here and must not be used by the program.
const diskCalls = "openat,write,pwrite64,renameat,renameat2,linkat,unlinkat,mkdirat,fsync,fdatasync,ftruncate," +
	"truncate,copy_file_range,sendfile,symlinkat,syncfs,sync,rename,link,unlink,mkdir,rmdir,writev,pwritev,fallocate"

// do follows one call and reports whether it changed anything here.
func (d *powerDisk) do(t testing.TB, c sysCall) bool {
	t.Helper()
	at := func(i int) string { // of a folder's descriptor and a name
		if i+1 >= len(c.texts) {
			t.Fatalf("%s(%s)", c.name, c.args)
		}
		if path.IsAbs(c.texts[i+1]) {
			return c.texts[i+1]
		}
		return path.Join(c.texts[i], c.texts[i+1])
	}
	number := func(i int) int {
		part := strings.Split(c.args, ", ")
		n, err := strconv.Atoi(part[len(part)-1-i])
		if err != nil {
			t.Fatalf("%s(%s)", c.name, c.args)
		}
		return n
	}
	fd, _, _ := strings.Cut(c.args, "<")
	switch c.name {
	case "openat":
		return d.open(at(0), c)
	case "write":
		_, _, n := d.find(c.texts[0])
		if n == nil {
			return false
		}
		key := fd + " " + c.texts[0]
		off := d.offsets[key]
		if off < 0 { // opened for appending
			off = len(n.now)
		} else {
			d.offsets[key] = off + len(c.texts[1])
		}
		n.put(off, c.texts[1])
	case "pwrite64":
		_, _, n := d.find(c.texts[0])
		if n == nil {
			return false
		}
		n.put(number(0), c.texts[1])
	case "ftruncate":
		if _, _, n := d.find(c.texts[0]); n != nil {
			n.now = append(bytes.Clone(n.now), make([]byte, max(0, number(0)-len(n.now)))...)[:number(0)]
		}
	case "renameat", "renameat2":
		from, name, n := d.find(at(0))
		to, as, _ := d.find(at(2))
		if from == nil || to == nil {
			return false
		}
		delete(from.names, name)
		to.names[as] = n
	case "linkat":
		_, _, n := d.find(at(0))
		to, as, _ := d.find(at(2))
		if to == nil {
			return false
		}
		to.names[as] = n
	case "unlinkat":
		dir, name, _ := d.find(at(0))
		if dir == nil {
			return false
		}
		delete(dir.names, name)
	case "mkdirat":
		dir, name, _ := d.find(at(0))
		if dir == nil {
			return false
		}
		dir.names[name] = &node{mode: fs.ModeDir | 0o755, names: map[string]*node{}, keptNames: map[string]*node{}}
	case "fsync", "fdatasync":
		return d.fsync(c.texts[0])
	case "syncfs":
		for _, n := range d.flat(false) {
			n.flush()
		}
		d.flushed = d.flat(false)
	default:
		if _, _, n := d.find(c.texts[0]); n != nil {
			t.Fatalf("%s(%.200s) is not understood here", c.name, c.args)
		}
		return false
	}
	return true
}

func (d *powerDisk) open(p string, c sysCall) bool {
	dir, name, n := d.find(p)
	if dir == nil || !strings.Contains(c.args, "O_WRONLY") && !strings.Contains(c.args, "O_RDWR") {
		return false
	}
	fd, _, _ := strings.Cut(c.result, "<")
	d.offsets[fd+" "+p] = 0
	if strings.Contains(c.args, "O_APPEND") {
		d.offsets[fd+" "+p] = -1
	}
	if n == nil {
		dir.names[name] = &node{mode: 0o644}
		return true
	}
	if strings.Contains(c.args, "O_TRUNC") && len(n.now) > 0 {
		n.now = nil
		return true
	}
	return false
}

func (d *powerDisk) fsync(p string) bool {
	_, _, n := d.find(p)
	if n == nil {
		return false
	}
	n.flush()
	d.flushed = d.flat(false)
	return true
}

func (n *node) flush() {
	n.kept = n.now
	if n.names == nil {
		return
	}
	n.keptNames = map[string]*node{}
	for name, sub := range n.names {
		n.keptNames[name] = sub
	}
}

func (n *node) put(off int, data string) {
	now := append(bytes.Clone(n.now), make([]byte, max(0, off+len(data)-len(n.now)))...)
	copy(now[off:], data)
	n.now = now
}
