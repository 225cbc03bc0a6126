package repo_test

import "testing"

// TestCR1_KilledWhileManyFilesAreWritten: many new working files are written in
// place. Part of one that a kill leaves is no edit of a person's.
func TestCR1_KilledWhileManyFilesAreWritten(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	template, head := l.template()
	f := fault{l: l, job: "many"}
	f.run(t, "CR1", []string{"write", "openat", "close"}, "signal=SIGKILL",
		func(dir, said string) []string { return f.verifyMany(dir, head, said) },
		func(dir string) { copyTree(t, template, dir) })
}
