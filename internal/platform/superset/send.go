package superset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/archive"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// importTimeout bounds one import: Superset may wait for a warehouse (F17).
const importTimeout = 15 * time.Minute

// send imports a batch. One bad file rejects the whole bundle (F5): what the
// answer says this server does not know is left out and the batch sent again;
// other files it names fail, and the rest is sent again; where it names none the
// batch is halved until the bad one stands alone.
func (im *importing) send(ctx context.Context, k asset.Kind, jobs []*job, rest *companions) {
	if len(jobs) == 0 {
		return
	}
	err := im.post(ctx, k, jobs, rest)
	if err == nil {
		return
	}
	var large *oversize
	if errors.As(err, &large) {
		im.divide(ctx, k, jobs, rest, large)
		return
	}
	var answer *apihttp.Error
	if !errors.As(err, &answer) || answer.Status < 400 || !isAnswer(err) {
		for _, j := range jobs {
			im.fail(j.id(), fmt.Errorf("no answer to the import, so whether it was written is not known; plan again: %w", err))
		}
		return
	}
	if !splits(err) || isDenied(err) { // no fault of any asset: fewer of them would fare the same
		for _, j := range jobs {
			im.fail(j.id(), fmt.Errorf("%s: not written: %w", j.path, im.unwilling(j, answer)))
		}
		return
	}
	reasons, fitted := fileReasons(answer), false
	good := slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool {
		reason, bad := reasons[j.name()]
		if bad && im.fit(j, reason) {
			fitted = true
			return false
		}
		if bad {
			im.fail(j.id(), fmt.Errorf("%s: Superset refuses it: %s%s", j.path, reasonText(reason), im.elsewhere(j, reason)))
		}
		return bad
	})
	switch {
	case fitted || len(good) < len(jobs):
		im.send(ctx, k, good, rest)
	case len(jobs) == 1:
		im.fail(jobs[0].id(), fmt.Errorf("%s: %w", jobs[0].path, im.refusal(jobs[0], answer, reasons)))
	default:
		im.send(ctx, k, jobs[:len(jobs)/2], rest)
		im.send(ctx, k, jobs[len(jobs)/2:], rest)
	}
}

// groups separates what may be overwritten from what is new, where a list shows only
// what this account made: what somebody else made under the same uuid looks new.
func groups(k asset.Kind, jobs []*job) [][]*job {
	if !traitOf(k).own {
		return [][]*job{jobs}
	}
	known := func(j *job) bool { return j.existed }
	return [][]*job{
		slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return !known(j) }),
		slices.DeleteFunc(slices.Clone(jobs), known),
	}
}

// overwrites is the answer to groups: whether an import of these may overwrite.
func overwrites(k asset.Kind, jobs []*job) bool { return !traitOf(k).own || jobs[0].existed }

// omit records what the server cannot hold of an asset. path points into the
// canonical document.
func (im *importing) omit(id asset.ID, path, text string) {
	r := im.results[id]
	r.Omitted = append(r.Omitted, asset.Note{ID: id, Path: path, Text: text})
}

// elsewhere explains why what no list shows is there.
func (im *importing) elsewhere(j *job, reason json.RawMessage) string {
	if overwrites(j.doc.Kind, []*job{j}) || !strings.Contains(reasonText(reason), "already exists") {
		return ""
	}
	return fmt.Sprintf("; another account made it, and Superset shows %s only to whoever made them: apply it with that account, or delete it there", j.doc.Kind.Plural())
}

func (im *importing) post(ctx context.Context, k asset.Kind, jobs []*job, rest *companions) error {
	zip, err := pack(k, jobs, rest, im.c.zip)
	if err != nil {
		return err
	}
	parts := []apihttp.Part{
		{Name: "formData", FileName: "dashkeep.zip", ContentType: "application/zip", Data: zip},
		{Name: "overwrite", Data: []byte(strconv.FormatBool(overwrites(k, jobs)))},
	}
	forms := map[string]map[string]string{}
	for _, j := range jobs {
		for field, value := range j.forms {
			if forms[field] == nil {
				forms[field] = map[string]string{}
			}
			forms[field][j.name()] = value
		}
	}
	for _, field := range slices.Sorted(maps.Keys(forms)) {
		data, err := json.Marshal(forms[field])
		if err != nil {
			return err
		}
		parts = append(parts, apihttp.Part{Name: field, Data: data})
	}
	body, contentType, err := apihttp.Form(parts...)
	if err != nil {
		return err
	}
	return im.c.http.JSON(ctx, apihttp.Request{
		Method: http.MethodPost, Path: "/api/v1/" + string(k) + "/import/", Body: body, ContentType: contentType, Timeout: importTimeout,
	}, nil)
}

// pack writes the bundle: metadata, the jobs and what travels along. What is larger
// than Superset takes is an *oversize.
func pack(k asset.Kind, jobs []*job, rest *companions, limits zipLimits) ([]byte, error) {
	nodes := map[string]*yaml.Node{"metadata.yaml": asset.Map("version", "1.0.0", "type", traitOf(k).model)}
	for _, j := range jobs {
		for _, name := range j.travel {
			nodes[name] = rest.files[name]
		}
	}
	for _, j := range jobs {
		nodes[j.name()] = j.node
	}
	var entries []archive.Entry
	sizes := map[string]int{}
	for name, n := range nodes {
		data, err := asset.Encode(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		sizes[name] = len(data)
		entries = append(entries, archive.Entry{Name: "dashkeep/" + name, Data: data})
	}
	if err := limits.check(sizes, len(jobs)); err != nil {
		return nil, err
	}
	return limits.write(entries)
}

// fileReasons reads which files a 422 names, with the fields at fault.
func fileReasons(e *apihttp.Error) map[string]json.RawMessage {
	var body struct {
		Errors []struct {
			Extra map[string]json.RawMessage `json:"extra"`
		} `json:"errors"`
	}
	out := map[string]json.RawMessage{}
	if e.Decode(&body) != nil {
		return out
	}
	for _, err := range body.Errors {
		for file, reason := range err.Extra {
			if strings.HasSuffix(file, ".yaml") {
				out[file] = reason
			}
		}
	}
	return out
}

// reasonText makes {"params": ["Not a valid mapping type."]} a sentence.
func reasonText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return apihttp.OneLine(string(raw), 300)
	}
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		var messages []string
		reason := apihttp.OneLine(string(fields[f]), 200)
		switch {
		case json.Unmarshal(fields[f], &messages) == nil:
			reason = strings.Join(messages, ", ")
		case json.Unmarshal(fields[f], &text) == nil:
			reason = text
		}
		if f != "_schema" {
			reason = f + ": " + reason
		}
		parts = append(parts, reason)
	}
	return strings.Join(parts, "; ")
}

// unwilling is the error of an asset that was not looked at.
func (im *importing) unwilling(j *job, e *apihttp.Error) error {
	if err := im.notOwned(j, e); err != nil {
		return err
	}
	if e.Status == http.StatusTooManyRequests {
		return fmt.Errorf("the server asks for patience and still did after several tries; apply again later: %w", e)
	}
	return e
}

// refusal is the error of one asset that the server refused without naming it.
func (im *importing) refusal(j *job, e *apihttp.Error, reasons map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		return fmt.Errorf("Superset refuses %s, which it refers to: %s", name, reasonText(reasons[name]))
	}
	if err := im.notOwned(j, e); err != nil {
		return err
	}
	if e.Status != http.StatusInternalServerError {
		return e
	}
	if _, exists := im.index.get(j.id()); !exists && j.doc.Kind == kindDatabase && normalize.Older(im.version, "6.0.0") {
		return fmt.Errorf("%w; Superset %s takes a new connection only when it can open it (F17): is the warehouse reachable from that server, and is the password right?", e, im.version)
	}
	return fmt.Errorf("%w; Superset gives no reason, its log does", e)
}
