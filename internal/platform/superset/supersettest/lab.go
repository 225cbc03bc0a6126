package supersettest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
)

// Wipe brings a real server back to how superset-lab started it. Where that does
// not keep snapshots (another server, or one on PostgreSQL), all content is deleted.
func (c *Client) Wipe(ctx context.Context) error {
	if done, err := c.lab(ctx, "load", "empty"); done || err != nil {
		return err
	}
	return c.DeleteAll(ctx)
}

// Fill wipes a real server and gives it content. The second time in this process
// the content comes from a snapshot of the first time; name tells contents apart.
func (c *Client) Fill(ctx context.Context, name string, content func() error) error {
	name = fmt.Sprintf("%s-%d", name, os.Getpid())
	if done, err := c.lab(ctx, "load", name); done || err != nil {
		return err
	}
	if err := c.Wipe(ctx); err != nil {
		return err
	}
	if err := content(); err != nil {
		return err
	}
	_, err := c.lab(ctx, "save", name)
	return err
}

// noSnapshot is what superset-lab ends with when it has none of that name.
const noSnapshot = 3

// lab runs a command of the superset-lab that started this server, if it says in
// the environment that it did. It reports whether that was done.
func (c *Client) lab(ctx context.Context, command, name string) (bool, error) {
	script := os.Getenv("DASHKEEP_TEST_SUPERSET_LAB")
	if script == "" || (c.base != os.Getenv("DASHKEEP_TEST_SUPERSET_URL") && c.base != os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")) {
		return false, nil
	}
	at, err := url.Parse(c.base)
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, script, command, at.Port(), name)
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return true, nil
	case cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == noSnapshot:
		return false, nil
	}
	return false, fmt.Errorf("superset-lab %s %s %s: %w: %s", command, at.Port(), name, err, out)
}
