package sync

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// onlyAda counts what Ada commits, as if her signature were on it.
func onlyAda(c repo.Signed) (string, error) {
	if c.Author.Name == "Ada" {
		return "Ada", nil
	}
	return "", errors.New("it is not signed")
}

func (m *machine) commitAs(name string, changes map[string][]byte) {
	m.l.Helper()
	c := repo.Commit{Changes: changes, Author: repo.Signature{Name: name, Email: "x@example.com"}, Message: "by " + name}
	if _, err := m.Repo.Commit(context.Background(), []repo.Commit{c}); err != nil {
		m.l.Fatal(err)
	}
}

// What did not come into Git with a commit that counts is not written, whatever
// is committed on top of it.
func TestGC3_onlySignedContentIsWritten(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	s.set("Grace", n(2), "a", "1")
	m := l.machine("clone", "", s)
	m.pull()
	m.Signed = onlyAda
	one, two := m.files()[n(1)].Path, m.files()[n(2)].Path
	m.commitAs("Mallory", map[string][]byte{one: canon(t, n(1), "Title", "a", "evil")})
	m.commitAs("Ada", map[string][]byte{two: canon(t, n(2), "Title", "a", "2")}) // on top, and of another file
	bad := m.head()
	m.commitAs("Ada", map[string][]byte{"README": []byte("hello\n")})
	p := plan(t, m)
	_, err := m.Apply(context.Background(), p, nil)
	var refused *UnsignedError
	if !errors.As(err, &refused) || len(refused.Assets) != 1 || refused.Assets[0].ID != n(1) || refused.Assets[0].Commit.Author.Name != "Mallory" {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"prod", n(1).String(), one, "Mallory", "not signed", "git commit -S", "allowed_signers"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	if len(s.written()) > 0 {
		t.Fatalf("written: %v", s.written())
	}
	if refs, _ := m.Repo.ListRefs(refName("backup", "prod")); len(refs) > 0 {
		t.Error("a pre-image was made for nothing")
	}
	// The rest can be written by itself.
	run := m.apply(importer.Policy{Select: func(i asset.Info) bool { return i.ID == n(2) }})
	if run.Code() != 0 || s.field(n(2), "a") != "2" || s.field(n(1), "a") != "1" {
		t.Errorf("%+v", run)
	}
	// Ada looks at it, and commits what she thinks is right.
	m.commitAs("Ada", map[string][]byte{one: canon(t, n(1), "Title", "a", "good")})
	if run := m.apply(importer.Policy{}); run.Code() != 0 || s.field(n(1), "a") != "good" {
		t.Errorf("%+v", run)
	}
	// A restore of the bad commit is refused too.
	rp, _, err := m.PlanRestore(context.Background(), "prod", RestoreOptions{At: string(bad)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Restore(context.Background(), rp, nil); !errors.As(err, &refused) || s.field(n(1), "a") != "good" {
		t.Errorf("%v", err)
	}
}

// A saved plan is checked as well, and so is what a stranger deleted.
func TestGC3_savedPlansAndDeletions(t *testing.T) {
	m, s := orchard(t, "")
	m.Signed = onlyAda
	files := m.files()
	m.commitAs("Mallory", map[string][]byte{files[n(3)].Path: nil})
	p, _, err := m.Plan(context.Background(), "prod", "", prune())
	if err != nil {
		t.Fatal(err)
	}
	var refused *UnsignedError
	if _, err := m.Apply(context.Background(), p, nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "Mallory") || s.objects[n(3)] == nil {
		t.Errorf("a deletion: %v", err)
	}
	m.commitAs("Ada", map[string][]byte{files[n(3)].Path: files[n(3)].Content})
	m.commitAs("Ada", map[string][]byte{files[n(3)].Path: nil})
	if run := m.apply(prune()); run.Code() != 0 || s.objects[n(3)] != nil {
		t.Errorf("a deletion by Ada: %+v", run)
	}
	m.commitAs("Mallory", map[string][]byte{files[n(1)].Path: canon(t, n(1), "Title", "a", "evil")})
	data, err := importer.EncodePlan(plan(t, m), m.Now())
	if err != nil {
		t.Fatal(err)
	}
	saved, err := importer.DecodePlan(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Apply(context.Background(), saved, nil); !errors.As(err, &refused) || s.field(n(1), "a") != "1" {
		t.Errorf("a saved plan: %v", err)
	}
}
