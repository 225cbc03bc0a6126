package sync

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"
)

// After its runs a daemon joins the packs that many pulls left.
func TestServe_joinsPacks(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", u1, "a", "1")
	m := l.machine("clone", "", s)
	for i := range 45 {
		m.commit(map[string][]byte{"README": fmt.Append(nil, i)})
	}
	m.Instances[0].Schedule = cron.Every(time.Minute)
	synctest.Test(t, func(t *testing.T) {
		v := serve(m)
		time.Sleep(90 * time.Second)
		synctest.Wait()
		v.stop()
		if err := <-v.done; err != nil || v.count("pull") != 2 {
			t.Errorf("%v, %d pulls", err, v.count("pull"))
		}
	})
	if packs, _ := filepath.Glob(l.path("clone", ".git", "objects", "pack", "*.pack")); len(packs) > 10 {
		t.Errorf("%d packs are left", len(packs))
	}
	m.Tidy(context.Background(), 0)
	l.fsck("clone")
}
