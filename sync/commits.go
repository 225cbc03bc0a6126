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
func (e *Engine) commitsFor(in *Instance, first bool, pulled []Pulled, live *asset.Set, run *Run) []repo.Commit {
	if first {
		return []repo.Commit{e.newCommit(in, e.Committer, pulled, baselineSubject(in, pulled), items(in, live, pulled), run)}
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
		list := items(in, live, groups[sig])
		commits = append(commits, e.newCommit(in, sig, groups[sig], summary.Subject(in.Name, list), list, run))
	}
	return commits
}

// author is who edited the asset on the server, or made it, where the server says
// only that. Who deleted one, no server says.
func (e *Engine) author(in *Instance, p Pulled) repo.Signature {
	who := p.Info.UpdatedBy
	if who.IsZero() && p.Action == "added" && len(p.Info.Owners) == 1 {
		who = asset.Person{Username: p.Info.Owners[0]}
	}
	if p.Action == "removed" || who.IsZero() || in.Author == nil {
		return e.Committer
	}
	if sig, ok := in.Author(who); ok {
		return sig
	}
	return e.Committer
}

func (e *Engine) newCommit(in *Instance, author repo.Signature, pulled []Pulled, subject string, list []summary.Item, run *Run) repo.Commit {
	c := repo.Commit{Changes: map[string][]byte{}, Author: author, Committer: e.Committer}
	var body bytes.Buffer
	for _, p := range pulled {
		if p.From != "" {
			c.Changes[p.From] = nil
		}
		c.Changes[p.Path] = p.After
	}
	for _, line := range summary.Lines(list) {
		fmt.Fprintf(&body, "%s\n", line)
	}
	c.Message = subject + "\n\n" + body.String()
	c.Trailers = []repo.Trailer{{Key: "Dashkeep-Run", Value: run.ID}, {Key: "Dashkeep-Instance", Value: in.Name}}
	if run.Server != "" {
		c.Trailers = append(c.Trailers, repo.Trailer{Key: "Dashkeep-Server", Value: in.Platform + " " + run.Server})
	}
	return c
}

// items says what the commit holds. An asset that stands on just one dashboard
// (an asset of the top kind) is said to belong to it.
func items(in *Instance, live *asset.Set, pulled []Pulled) []summary.Item {
	holders := map[asset.ID][]string{}
	for a := range live.All() {
		for _, ref := range a.Refs {
			if a.ID.Kind == in.Top {
				holders[ref] = append(holders[ref], a.Title)
			}
		}
	}
	out := make([]summary.Item, len(pulled))
	for i, p := range pulled {
		out[i] = summary.Item{Kind: p.Info.ID.Kind, Title: p.Info.Title, What: summary.Kind(p.Action)}
		if p.Action == "changed" {
			out[i].Changes = summary.Changes(p.Before, p.After)
		}
		if h := holders[p.Info.ID]; len(h) == 1 {
			out[i].Of = h[0]
		}
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
