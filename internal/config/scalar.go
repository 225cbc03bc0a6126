package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Date is a day.
type Date struct{ time.Time }

// UnmarshalText reads 2027-01-31.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return fmt.Errorf("%q is not a date like 2027-01-31", b)
	}
	d.Time = t
	return nil
}

func (d Date) String() string { return d.Format(time.DateOnly) }

// Ignore names a value that is not compared.
type Ignore struct {
	Kind    asset.Kind
	Pointer string // JSON pointer in the canonical document
}

// UnmarshalText reads chart:/spec/cache_timeout.
func (i *Ignore) UnmarshalText(b []byte) error {
	kind, pointer, ok := strings.Cut(string(b), ":")
	if !ok || kind == "" || !strings.HasPrefix(pointer, "/") || pointer == "/" {
		return fmt.Errorf("%q is not KIND:/json/pointer, such as chart:/spec/cache_timeout", b)
	}
	rest := strings.NewReplacer("~0", "", "~1", "").Replace(pointer)
	if strings.Contains(rest, "~") {
		return fmt.Errorf("%q holds a ~ that is neither ~0 nor ~1 (JSON pointer)", b)
	}
	*i = Ignore{Kind: asset.Kind(kind), Pointer: pointer}
	return nil
}

func (i Ignore) String() string { return string(i.Kind) + ":" + i.Pointer }

// Author is a Git author, or the committer standing in for one.
type Author struct {
	Name, Email string
	Committer   bool
}

// UnmarshalText reads "Ada Lovelace <ada@example.com>" or "committer".
func (a *Author) UnmarshalText(b []byte) error {
	s := string(b)
	if s == "committer" {
		*a = Author{Committer: true}
		return nil
	}
	name, mail, ok := strings.Cut(strings.TrimSuffix(s, ">"), " <")
	name, mail = strings.TrimSpace(name), strings.TrimSpace(mail)
	if !ok || !strings.HasSuffix(s, ">") || name == "" || !strings.Contains(mail, "@") {
		return fmt.Errorf("%q is neither Name <e-mail> nor the word committer", s)
	}
	if err := gitName(name + mail); err != nil {
		return err
	}
	*a = Author{Name: name, Email: mail}
	return nil
}

// gitName refuses what would break the header of a commit.
func gitName(s string) error {
	if strings.ContainsAny(s, "<>") || strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("a name or e-mail address must not hold <, > or control characters")
	}
	return nil
}
