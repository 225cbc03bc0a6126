package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
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
	minted map[string]string // asset.ID.String() -> server id, of what UID minted and nobody bound
}

const idsFile = "ids.json"

// LoadIDs reads the map of an instance; a missing one is empty. Without a store
// (a config that is only tried out) it is empty too, and Bind fails.
func LoadIDs(store *repo.Store, instance string) (*IDs, error) {
	m := &IDs{store: store, instance: instance, server: map[string]string{}, uid: map[string]string{}, minted: map[string]string{}}
	if store == nil {
		return m, nil
	}
	return m, m.load()
}

// load takes over what the ref holds now.
func (m *IDs) load() error {
	rev, ok, err := m.store.ReadRef(refName("ids", m.instance))
	if err != nil || !ok {
		return err
	}
	files, err := m.store.Files(rev, "")
	if err != nil {
		return err
	}
	server, uid := map[string]string{}, map[string]string{}
	if err := json.Unmarshal(files[idsFile], &server); err != nil {
		return fmt.Errorf("ids of instance %s in %s: %w", m.instance, refName("ids", m.instance), err)
	}
	for _, id := range slices.Sorted(maps.Keys(server)) { // two machines may have named one object: the last name holds, everywhere
		row := server[id]
		a, err := asset.ParseID(id)
		if err != nil {
			return fmt.Errorf("ids of instance %s: %w", m.instance, err)
		}
		uid[string(a.Kind)+"/"+row] = a.UID
	}
	m.rev, m.server, m.uid = rev, server, uid
	for id, row := range m.minted {
		a, err := asset.ParseID(id)
		if err != nil {
			return err
		}
		if uid[string(a.Kind)+"/"+row] != "" { // somebody named the object since
			delete(m.minted, id)
		}
	}
	return nil
}

// Refresh takes over what another process or machine bound since the map was
// loaded. Runs begin with it: a process may run for months.
func (m *IDs) Refresh() error {
	if m == nil || m.store == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rev, ok, err := m.store.ReadRef(refName("ids", m.instance))
	if err != nil || !ok || rev == m.rev {
		return err
	}
	return m.load()
}

// UID is the uid of a server's object: the bound one, else one minted from
// instance, kind and server id.
func (m *IDs) UID(k asset.Kind, server string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if uid, ok := m.uid[string(k)+"/"+server]; ok {
		return uid
	}
	id := m.mint(k, server)
	m.minted[id.String()] = server
	return id.UID
}

func (m *IDs) mint(k asset.Kind, server string) asset.ID {
	return asset.ID{Kind: k, UID: uuid.NewSHA1(idSpace, []byte(m.instance+"\x00"+string(k)+"\x00"+server)).String()}
}

// Server is the server's id of an asset: bound, or minted since the map was
// loaded.
func (m *IDs) Server(id asset.ID) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.server[id.String()]; ok {
		return s, true
	}
	s, ok := m.minted[id.String()]
	return s, ok
}

// Minted reports whether UID minted this id since the map was loaded and nobody
// has bound it.
func (m *IDs) Minted(id asset.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, bound := m.server[id.String()]
	_, minted := m.minted[id.String()]
	return minted && !bound
}

// bindTries is how often Bind takes over what a fetch brought to the ref.
const bindTries = 3

// Bind records which objects of the server the assets are. It is durable when it
// returns. What another machine bound meanwhile, and a fetch brought, is kept.
func (m *IDs) Bind(bs ...platform.Binding) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bindAll(func() ([]platform.Binding, error) { return bs, nil })
}

// Keep makes the minted ids durable, in one write, but for objects that another
// machine named meanwhile. The map of a platform that needs none stays absent.
func (m *IDs) Keep() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bindAll(m.unbound)
}

// unbound is what UID minted and nobody bound.
func (m *IDs) unbound() ([]platform.Binding, error) {
	var bs []platform.Binding
	for id, server := range m.minted {
		if _, bound := m.server[id]; bound {
			continue
		}
		a, err := asset.ParseID(id)
		if err != nil {
			return nil, err
		}
		bs = append(bs, platform.Binding{ID: a, Server: server})
	}
	return bs, nil
}

// bindAll asks again for what is to be bound when the map moved.
func (m *IDs) bindAll(wanted func() ([]platform.Binding, error)) error {
	var bs []platform.Binding
	var err error
	for range bindTries {
		if bs, err = wanted(); err != nil {
			return err
		}
		if m.has(bs) {
			return nil
		}
		err = m.bind(bs)
		var moved *repo.MovedError
		if !errors.As(err, &moved) {
			break
		}
		if lerr := m.load(); lerr != nil {
			err = lerr
			break
		}
	}
	if err != nil {
		return fmt.Errorf("binding %s to %s on instance %s: %w", bs[0].ID, bs[0].Server, m.instance, err)
	}
	return nil
}

func (m *IDs) has(bs []platform.Binding) bool {
	for _, b := range bs {
		if m.server[b.ID.String()] != b.Server {
			return false
		}
	}
	return true
}

func (m *IDs) bind(bs []platform.Binding) error {
	if m.store == nil {
		return repo.ErrReadOnly
	}
	next := maps.Clone(m.server)
	for _, b := range bs {
		if uid, ok := m.uid[string(b.ID.Kind)+"/"+b.Server]; ok && uid != b.ID.UID {
			delete(next, asset.ID{Kind: b.ID.Kind, UID: uid}.String()) // one object is one asset
		}
	}
	for _, b := range bs {
		next[b.ID.String()] = b.Server
	}
	data, err := json.MarshalIndent(next, "", " ") // keys sorted: stable bytes
	if err != nil {
		return err
	}
	rev, err := m.store.WriteRef(context.Background(), refName("ids", m.instance), m.rev,
		map[string][]byte{idsFile: append(data, '\n')}, "ids of "+m.instance)
	if err != nil {
		return err
	}
	for _, b := range bs {
		if old := string(b.ID.Kind) + "/" + m.server[b.ID.String()]; m.uid[old] == b.ID.UID {
			delete(m.uid, old)
		}
	}
	for _, b := range bs {
		m.uid[string(b.ID.Kind)+"/"+b.Server] = b.ID.UID
		delete(m.minted, m.mint(b.ID.Kind, b.Server).String())
	}
	m.rev, m.server = rev, next
	return nil
}
