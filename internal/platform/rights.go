package platform

import (
	"context"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Auditor is a Platform that knows what the account it is connected as may do.
type Auditor interface {
	// Rights tells it for each kind that is read on this connection, and for those
	// that are not because the account may not. admin: there is nothing it may not.
	Rights(ctx context.Context) (rights []KindRights, admin bool, err error)
}

// KindRights is what an account may do with a kind.
type KindRights struct {
	Kind  asset.Kind
	Read  bool   // list and read
	Part  string // which part of it is shown; "" for all
	Write bool   // create, and change and delete what it owns
	Owned bool   // changes and deletes only what it owns
	// What reading (all of it) and writing lack, as the platform calls it.
	ReadLacks, WriteLacks []string
}

// Granter writes a program for the platform's own console that makes a role with
// what an account needs.
type Granter func(RoleFor) string

// RoleFor says what an account is to do.
type RoleFor struct {
	Kinds      []asset.Kind // to read, as Config.Kinds
	Apply      bool         // and to write
	ApplyKinds []asset.Kind // those of Factory.Rights that are written too
}
