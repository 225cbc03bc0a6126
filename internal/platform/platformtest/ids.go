package platformtest

import (
	"maps"
	"sync"

	"github.com/google/uuid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// IDs is a platform.IDs in memory: what one instance's map would hold. Cases
// that lose the map start a new one.
type IDs struct {
	instance string

	mu     sync.Mutex // guards what follows
	server map[asset.ID]string
	uid    map[string]string // kind + "/" + server id
	minted map[asset.ID]string
	binds  int
}

// NewIDs is the empty map of an instance. Two instances mint different uids.
func NewIDs(instance string) *IDs {
	return &IDs{instance: instance, server: map[asset.ID]string{}, uid: map[string]string{}, minted: map[asset.ID]string{}}
}

// UID is part of platform.IDs.
func (m *IDs) UID(k asset.Kind, server string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if uid, ok := m.uid[string(k)+"/"+server]; ok {
		return uid
	}
	id := m.mint(k, server)
	m.minted[id] = server
	return id.UID
}

func (m *IDs) mint(k asset.Kind, server string) asset.ID {
	return asset.ID{Kind: k, UID: uuid.NewSHA1(uuid.NameSpaceURL, []byte(m.instance+"\x00"+string(k)+"\x00"+server)).String()}
}

// Server is part of platform.IDs.
func (m *IDs) Server(id asset.ID) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.server[id]; ok {
		return s, true
	}
	s, ok := m.minted[id]
	return s, ok
}

// Minted is part of platform.IDs.
func (m *IDs) Minted(id asset.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, bound := m.server[id]
	_, minted := m.minted[id]
	return minted && !bound
}

// Bind is part of platform.IDs.
func (m *IDs) Bind(bs ...platform.Binding) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range bs {
		if uid, ok := m.uid[string(b.ID.Kind)+"/"+b.Server]; ok && uid != b.ID.UID {
			delete(m.server, asset.ID{Kind: b.ID.Kind, UID: uid})
		}
		if old, had := m.server[b.ID]; had {
			delete(m.uid, string(b.ID.Kind)+"/"+old)
		}
		m.server[b.ID], m.uid[string(b.ID.Kind)+"/"+b.Server] = b.Server, b.ID.UID
		delete(m.minted, m.mint(b.ID.Kind, b.Server))
	}
	m.binds++
	return nil
}

// Bound is a copy of what was bound so far.
func (m *IDs) Bound() map[asset.ID]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.server)
}

// Binds counts the calls of Bind, each of which costs a durable write.
func (m *IDs) Binds() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.binds
}
