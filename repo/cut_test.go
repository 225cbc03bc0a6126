package repo_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cutter passes TCP on and resets the connection after some bytes.
type cutter struct {
	addr   string
	mu     sync.Mutex
	up     int // bytes left towards the server, -1 for no limit
	down   int
	passed [2]int // bytes seen, up and down
}

func newCutter(t *testing.T, target string) *cutter {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: ln.Addr().String(), up: -1, down: -1}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			wg.Go(func() { c.pass(in, out, &c.up, 0) })
			wg.Go(func() { c.pass(out, in, &c.down, 1) })
		}
	})
	t.Cleanup(func() { ln.Close() })
	return c
}

func (c *cutter) pass(from, to net.Conn, left *int, side int) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		c.mu.Lock()
		c.passed[side] += n
		cut := *left >= 0 && n >= *left
		if cut {
			n, *left = *left, 0
		} else if *left >= 0 {
			*left -= n
		}
		c.mu.Unlock()
		if _, e := to.Write(buf[:n]); e != nil || err != nil && err != io.EOF || cut {
			for _, conn := range []net.Conn{from, to} {
				if tcp, ok := conn.(*net.TCPConn); ok && cut {
					tcp.SetLinger(0)
				}
			}
			return
		}
		if err == io.EOF {
			return
		}
	}
}

func (c *cutter) limit(up, down int) (passed [2]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed = c.passed
	c.up, c.down, c.passed = up, down, [2]int{}
	return passed
}

func TestGT1_PushCutAnywhereIsNeverTakenForDone(t *testing.T) {
	l := newLab(t)
	server := l.bare("server.git")
	l.git(server, "config", "http.receivepack", "true")
	u, err := url.Parse(l.serve(""))
	if err != nil {
		t.Fatal(err)
	}
	c := newCutter(t, u.Host)
	s := l.clone("a", "http://"+c.addr+"/server.git")
	l.commit(s, map[string]string{"x": "0"})
	c.limit(-1, -1)
	push(t, s)
	whole := c.limit(-1, -1)
	const points = 12
	cuts, acked := 0, 0
	for side := range 2 {
		for i := range points {
			rev := l.commit(s, map[string]string{"x": fmt.Sprint(side, i)})
			at := whole[side] * (i + 1) / (points + 1)
			if side == 0 {
				c.limit(at, -1)
			} else {
				c.limit(-1, at)
			}
			err := s.Push(context.Background())
			there := l.git(server, "rev-parse", "main")
			switch {
			case err == nil && there != string(rev):
				t.Fatalf("cut %d at %d: said done, and the server is at %s", side, at, there)
			case err == nil:
				acked++
			default:
				cuts++
			}
			if head, _, _ := s.Head(); head != rev {
				t.Fatalf("cut %d at %d: the local head is %s", side, at, head)
			}
			c.limit(-1, -1)
			push(t, s)
			if l.git(server, "rev-parse", "main") != string(rev) {
				t.Fatalf("cut %d at %d: the next push did not arrive", side, at)
			}
		}
	}
	if cuts < points {
		t.Errorf("only %d of %d pushes were cut: the test tests too little", cuts, 2*points)
	}
	t.Logf("%d pushes cut, %d done, 0 wrong", cuts, acked)
	l.sound(server)
	l.sound(s.Path())
}
