package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPictureIsCurrent tells the demo's story on a terminal and compares it with
// docs/demo.svg. -update draws it anew.
func TestPictureIsCurrent(t *testing.T) {
	notUnderRace(t)
	cmd := exec.Command(os.Args[0], "demo", "--dir", filepath.Join(t.TempDir(), "demo"))
	cmd.Env = append(os.Environ(), asProgram+"=1", "NO_COLOR=")
	lines := pictureLines(onTerminal(t, cmd))
	if len(lines) < 25 || len(lines) > 60 {
		t.Errorf("the picture has %d lines", len(lines))
	}
	picture := drawPicture(lines)
	if len(picture) > 60_000 {
		t.Errorf("the picture has %d bytes", len(picture))
	}
	for _, must := range []string{"Grace Hopper", "+title: Sales, all regions", "held:", "132 of 132 assets written, read back and equal"} {
		if !strings.Contains(picture, must) {
			t.Errorf("the picture does not show %q", must)
		}
	}
	current(t, "demo.svg", picture)
}

// onTerminal runs a command with a terminal as its stdout and returns what it
// printed there.
func onTerminal(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	master, slave := openTerminal(t)
	defer master.Close()
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = slave, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	out, err := io.ReadAll(master)
	if err != nil && !errors.Is(err, syscall.EIO) { // EIO: the last one closed the other end
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.Bytes())
	}
	return string(out)
}

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
