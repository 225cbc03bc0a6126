package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/config"
	"github.com/dashkeep/dashkeep/internal/platform"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// What a role is for.
const (
	rolePull  = "pull"
	roleApply = "apply"
)

// rightsReport is the JSON form of what an account may do with a kind.
type rightsReport struct {
	Kind  string   `json:"kind"`
	Read  bool     `json:"read"`
	Part  string   `json:"part,omitempty"`
	Write bool     `json:"write"`
	Owned bool     `json:"owned,omitempty"`
	Lacks []string `json:"lacks,omitempty"`
}

// audit adds to a report what the account may do, and the role to grant when it
// lacks something for what the config wants of it. pinged is how the login went; the
// result is how the check went: a kind that the config names and the account may not
// read fails it.
func (s *session) audit(ctx context.Context, in *syncer.Instance, r *checkReport, pinged error) error {
	var answer *apihttp.Error
	if in.Rights == nil || pinged != nil && !(errors.As(pinged, &answer) && answer.Status == http.StatusForbidden) {
		return pinged
	}
	rights, admin, err := in.Rights(ctx)
	if err != nil {
		r.Notes = append(r.Notes, "what this account may do cannot be told: "+err.Error())
		return pinged
	}
	if admin {
		return pinged
	}
	c := s.cfg.Instance(in.Name)
	writes := in.Direction != syncer.PullOnly
	short := false
	for _, k := range rights {
		lacks := slices.Clone(k.ReadLacks)
		if f, err := factory(in.Platform); writes && err == nil && (!slices.Contains(f.Rights, k.Kind) || slices.Contains(c.ApplyKinds, k.Kind)) {
			lacks = append(lacks, k.WriteLacks...)
		}
		short = short || len(lacks) > 0
		r.Rights = append(r.Rights, rightsReport{Kind: string(k.Kind), Read: k.Read, Part: k.Part, Write: k.Write, Owned: k.Owned, Lacks: lacks})
		if !k.Read && slices.Contains(in.Named, k.Kind) && pinged == nil {
			pinged = fmt.Errorf("%s are asked for (select.kinds) and may not be read: it lacks %s", k.Kind.Plural(), strings.Join(k.ReadLacks, ", "))
			pinged = codeError{code: exitPartial, err: pinged}
		}
	}
	if short {
		r.Role, r.RoleFor = roleOf(c, writes), rolePull
		if writes {
			r.RoleFor = roleApply
		}
	}
	return pinged
}

// roleOf is the script that makes the role for an instance; "" where the platform
// has none.
func roleOf(c *config.Instance, apply bool) string {
	f, err := factory(c.Platform)
	if err != nil || f.Role == nil {
		return ""
	}
	return f.Role(platform.RoleFor{Kinds: c.Select.Kinds, Apply: apply, ApplyKinds: c.ApplyKinds})
}

// printRights is for accounts that may not do everything.
func (a *app) printRights(r checkReport) {
	width := 0
	for _, k := range r.Rights {
		width = max(width, len(k.Kind))
	}
	for _, k := range r.Rights {
		read, write := "reads", "writes"
		switch {
		case !k.Read:
			read = "does not read"
		case k.Part != "":
			read = "reads a part"
		}
		switch {
		case !k.Write:
			write = "does not write"
		case k.Owned:
			write = "writes what it owns"
		}
		line := fmt.Sprintf("%s  %s, %s", pad(k.Kind, width), read, write)
		if len(k.Lacks) > 0 {
			line += "; lacks " + strings.Join(k.Lacks, ", ")
		}
		a.printf("    %s\n", oneLine(line))
	}
	if r.Role != "" {
		a.printf("    A role with what is lacking, by this script (alone: dashkeep check %s --role %s):\n\n%s\n",
			strings.TrimPrefix(r.What, "instance "), r.RoleFor, r.Role)
	}
}

// printRole prints the script alone. No server is asked.
func (a *app) printRole(names []string, purpose string) error {
	if purpose != rolePull && purpose != roleApply {
		return usageError{"--role: say what the account is to do: pull or apply"}
	}
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	var asked []*config.Instance
	for i := range cfg.Instances {
		c := &cfg.Instances[i]
		if len(names) == 0 && roleOf(c, false) != "" || slices.Contains(names, c.Name) {
			asked = append(asked, c)
		}
	}
	switch {
	case len(names) > 1 || len(asked) > 1 && len(names) == 0:
		return usageError{"--role is for one instance: dashkeep check INSTANCE --role " + purpose}
	case len(asked) == 0 && len(names) == 1:
		return usageError{fmt.Sprintf("no instance is called %q", names[0])}
	case len(asked) == 0 || roleOf(asked[0], false) == "":
		return usageError{"accounts of this platform get their rights in its own way: there is no role to print"}
	}
	a.printf("%s", roleOf(asked[0], purpose == roleApply))
	return nil
}
