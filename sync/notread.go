package sync

import (
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// notRead are the kinds of a reading that were not read, or in part only. What the
// config leaves out is no news. A kind that the config names and the account may
// not read is a failure too.
func (in *Instance) notRead(live *asset.Set) (kinds []asset.KindError, failures []Failure) {
	for _, k := range live.Kinds() {
		if k.Reason == asset.NotChosen {
			continue
		}
		kinds = append(kinds, k)
		if k.Reason == asset.Forbidden && slices.Contains(in.Named, k.Kind) {
			failures = append(failures, Failure{Err: fmt.Errorf("%s are asked for (select.kinds) and may not be read: %s", k.Kind.Plural(), k.Why)})
		}
	}
	return kinds, failures
}

// sayNotRead records them in a run.
func (r *Run) sayNotRead(in *Instance, live *asset.Set) {
	kinds, failures := in.notRead(live)
	r.NotRead = kinds
	r.Failures = append(r.Failures, failures...)
}
