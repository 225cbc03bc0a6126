package sync

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/summary"
	"github.com/dashkeep/dashkeep/repo"
)

// commitsFor groups the changes of a pull: one commit per editor, the committer's
// own (removals, unknown editors) first; the first pull is one baseline commit.
func (e *Engine) commitsFor(in *Instance, first bool, pulled []Pulled, run *Run) []repo.Commit {
	if first {
		return []repo.Commit{e.newCommit(in, e.Committer, pulled, baselineSubject(in, pulled), run)}
	}
	groups := map[repo.Signature][]Pulled{}
	var order []repo.Signature
	for _, p := range pulled {
		sig := e.author(in, p)
		if groups[sig] == nil {
			order = append(order, sig)
		}
		groups[sig] = append(groups[sig], p)
	}
	slices.SortFunc(order, func(a, b repo.Signature) int {
		return strings.Compare(a.Name+"\x00"+a.Email, b.Name+"\x00"+b.Email)
	})
	var commits []repo.Commit
	for _, sig := range order {
		commits = append(commits, e.newCommit(in, sig, groups[sig], summary.Subject(in.Name, items(groups[sig])), run))
	}
	return commits
}

// author is who edited the asset on the server. Who deleted one, no server says.
func (e *Engine) author(in *Instance, p Pulled) repo.Signature {
	if p.Action == "removed" || p.Info.UpdatedBy.IsZero() || in.Author == nil {
		return e.Committer
	}
	if sig, ok := in.Author(p.Info.UpdatedBy); ok {
		return sig
	}
	return e.Committer
}

func (e *Engine) newCommit(in *Instance, author repo.Signature, pulled []Pulled, subject string, run *Run) repo.Commit {
	c := repo.Commit{Changes: map[string][]byte{}, Author: author, Committer: e.Committer}
	var body bytes.Buffer
	for _, p := range pulled {
		if p.From != "" {
			c.Changes[p.From] = nil
		}
		c.Changes[p.Path] = p.After
	}
	for _, line := range summary.Lines(items(pulled)) {
		fmt.Fprintf(&body, "%s\n", line)
	}
	c.Message = subject + "\n\n" + body.String()
	c.Trailers = []repo.Trailer{{Key: "Dashkeep-Run", Value: run.ID}, {Key: "Dashkeep-Instance", Value: in.Name}}
	if run.Server != "" {
		c.Trailers = append(c.Trailers, repo.Trailer{Key: "Dashkeep-Server", Value: in.Platform + " " + run.Server})
	}
	return c
}

func items(pulled []Pulled) []summary.Item {
	out := make([]summary.Item, len(pulled))
	for i, p := range pulled {
		out[i] = summary.Item{Kind: p.Info.ID.Kind, Title: p.Info.Title, Before: p.Before, After: p.After}
	}
	return out
}

func baselineSubject(in *Instance, pulled []Pulled) string {
	count := map[asset.Kind]int{}
	for _, p := range pulled {
		count[p.Info.ID.Kind]++
	}
	var parts []string
	for _, k := range slices.Backward(in.Kinds) {
		switch n := count[k]; {
		case n == 1:
			parts = append(parts, "1 "+string(k))
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, k.Plural()))
		}
	}
	return fmt.Sprintf("%s: baseline: %s", in.Name, strings.Join(parts, ", "))
}
