package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// idSpace is the namespace of uids minted for assets without a portable id.
var idSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/dashkeep/dashkeep/uid"))

// IDs is the map between uids and one instance's own ids, kept durable in
// refs/dashkeep/ids/<instance>. It implements platform.IDs.
type IDs struct {
	store    *repo.Store
	instance string

	mu     sync.Mutex // guards what follows
	rev    repo.Revision
	server map[string]string // asset.ID.String() -> server id
	uid    map[string]string // kind + "/" + server id -> uid
}

const idsFile = "ids.json"

// LoadIDs reads the map of an instance; a missing one is empty. Without a store
// (a config that is only tried out) it is empty too, and Bind fails.
func LoadIDs(store *repo.Store, instance string) (*IDs, error) {
	m := &IDs{store: store, instance: instance, server: map[string]string{}, uid: map[string]string{}}
	if store == nil {
		return m, nil
	}
	rev, ok, err := store.ReadRef(refName("ids", instance))
	if err != nil || !ok {
		return m, err
	}
	files, err := store.Files(rev, "")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(files[idsFile], &m.server); err != nil {
		return nil, fmt.Errorf("ids of instance %s in %s: %w", instance, refName("ids", instance), err)
	}
	m.rev = rev
	for id, server := range m.server {
		a, err := asset.ParseID(id)
		if err != nil {
			return nil, fmt.Errorf("ids of instance %s: %w", instance, err)
		}
		m.uid[string(a.Kind)+"/"+server] = a.UID
	}
	return m, nil
}

// UID is the uid of a server's object: the bound one, else one minted from
// instance, kind and server id.
func (m *IDs) UID(k asset.Kind, server string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if uid, ok := m.uid[string(k)+"/"+server]; ok {
		return uid
	}
	return uuid.NewSHA1(idSpace, []byte(m.instance+"\x00"+string(k)+"\x00"+server)).String()
}

// Server is the server's id of an asset, if it was ever bound.
func (m *IDs) Server(id asset.ID) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.server[id.String()]
	return s, ok
}

// Bind records that the asset has this id on the server. It is durable when it
// returns.
func (m *IDs) Bind(id asset.ID, server string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, had := m.server[id.String()]
	if had && old == server {
		return nil
	}
	m.server[id.String()] = server
	data, err := json.MarshalIndent(m.server, "", " ") // keys sorted: stable bytes
	if m.store == nil {
		err = repo.ErrReadOnly
	}
	if err == nil {
		m.rev, err = m.store.WriteRef(context.Background(), refName("ids", m.instance), m.rev,
			map[string][]byte{idsFile: append(data, '\n')}, "ids of "+m.instance)
	}
	if err != nil {
		delete(m.server, id.String())
		if had {
			m.server[id.String()] = old
		}
		return fmt.Errorf("binding %s to %s: %w", id, server, err)
	}
	if had {
		delete(m.uid, string(id.Kind)+"/"+old)
	}
	m.uid[string(id.Kind)+"/"+server] = id.UID
	return nil
}
