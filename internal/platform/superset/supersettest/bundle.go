package supersettest

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxFileSize = 100 << 20 // ZIPPED_FILE_MAX_SIZE
	maxRatio    = 200       // ZIP_FILE_MAX_COMPRESS_RATIO
)

// upload is what an import request carries.
type upload struct {
	order     []string
	contents  map[string]string // path without the root folder -> text
	overwrite bool
	sparse    bool
	secrets   map[string]*object // form field -> path -> secret
	relaxed   bool               // Seed: what the server exported itself is taken back
}

// config is one parsed file of a bundle.
type config struct {
	file string
	kind string
	*object
}

var secretFields = []string{"passwords", "ssh_tunnel_passwords", "ssh_tunnel_private_keys", "ssh_tunnel_private_key_passwords", "encrypted_extra_secrets"}

var errNotJSONUpload = backendError(http.StatusInternalServerError, "Expecting value: line 1 column 1 (char 0)")

// readUpload takes the multipart form apart. The errors are the measured ones.
func readUpload(r *http.Request, field string) (*upload, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return nil, &apiError{status: http.StatusBadRequest, message: "Request MIME type is not 'multipart/form-data'",
			kind: "INVALID_PAYLOAD_FORMAT_ERROR", code: 1019}
	}
	if err := r.ParseMultipartForm(maxBody); err != nil {
		return nil, errArguments
	}
	file, _, err := r.FormFile(field)
	if err != nil {
		return nil, errArguments
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxBody))
	if err != nil {
		return nil, errArguments
	}
	u, err := openBundle(raw)
	if err != nil {
		if errors.Is(err, zip.ErrFormat) && field == "bundle" {
			return nil, commandError(http.StatusUnprocessableEntity, "Not a ZIP file")
		}
		if errors.Is(err, zip.ErrFormat) {
			return nil, errNotJSONUpload
		}
		return nil, err
	}
	u.overwrite, u.sparse = r.FormValue("overwrite") == "true", r.FormValue("sparse") == "true"
	u.secrets = map[string]*object{}
	for _, name := range secretFields {
		v, err := decodeJSON(r.FormValue(name))
		if o, ok := v.(*object); ok && err == nil {
			u.secrets[name] = o
		}
	}
	return u, nil
}

// larger reports whether one of the files is larger than a limit.
func (u *upload) larger(limit int) bool {
	for _, text := range u.contents {
		if len(text) > limit {
			return true
		}
	}
	return false
}

var errArguments = errors.New("Arguments are not correct") //nolint:staticcheck // the server's own words

func openBundle(raw []byte) (*upload, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, zip.ErrFormat
	}
	var plain, packed uint64
	for _, f := range z.File {
		if f.UncompressedSize64 > maxFileSize {
			return nil, backendError(http.StatusInternalServerError, "Found file with size above allowed threshold")
		}
		plain, packed = plain+f.UncompressedSize64, packed+f.CompressedSize64
	}
	if packed == 0 {
		return nil, backendError(http.StatusInternalServerError, "division by zero")
	}
	if plain/packed > maxRatio {
		return nil, backendError(http.StatusInternalServerError, "Zip compress ratio above allowed threshold")
	}
	u := &upload{contents: map[string]string{}}
	for _, f := range z.File {
		base := path.Base(f.Name)
		if ext := strings.ToLower(path.Ext(base)); strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || ext != ".yaml" && ext != ".yml" {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			return nil, backendError(http.StatusInternalServerError, "Bad CRC-32")
		}
		text, err := io.ReadAll(io.LimitReader(rc, maxFileSize))
		_ = rc.Close()
		if err != nil || !utf8.Valid(text) {
			return nil, backendError(http.StatusInternalServerError, "'utf-8' codec can't decode bytes")
		}
		_, name, _ := strings.Cut(path.Clean(f.Name), "/")
		if name == "" {
			name = "."
		}
		if _, twice := u.contents[name]; !twice {
			u.order = append(u.order, name)
		}
		u.contents[name] = string(text)
	}
	return u, nil
}

// problems collects validation messages by file, in order.
type problems struct{ byFile *object }

func (p *problems) add(file string, msg any) { p.byFile.set(file, msg) }

// loadConfigs parses and validates the files of the folders that this import
// knows; others are ignored.
func (s *Server) loadConfigs(u *upload, kinds []string, class string) ([]config, *problems, error) {
	p := &problems{newObject()}
	text, ok := u.contents["metadata.yaml"]
	if !ok {
		return nil, nil, errNotJSONUpload
	}
	v, err := parseYAML(text)
	meta, _ := v.(*object)
	if err != nil || meta.get("version") != "1.0.0" {
		return nil, nil, errNotJSONUpload
	}
	if typ, ok := meta.get("type").(string); ok && typ != class && !u.relaxed {
		msg := newObject()
		msg.set("type", []any{"Must be equal to " + class + "."})
		p.add("metadata.yaml", msg)
	}
	var configs []config
	for _, name := range u.order {
		folder, _, _ := strings.Cut(name, "/")
		i := slices.IndexFunc(kinds, func(k string) bool {
			return models[k].folder == folder+"/" && (k != Theme || s.themes())
		})
		if i < 0 || u.contents[name] == "" {
			continue
		}
		v, err := parseYAML(u.contents[name])
		if err != nil {
			msg := newObject()
			msg.set(name, "Not a valid YAML file")
			p.add(name, msg)
			continue
		}
		o, ok := v.(*object)
		if !ok {
			return nil, nil, errUnknown(kinds[i])
		}
		if _, list := o.get("json_data").([]any); list && kinds[i] == Theme && !s.since("6.1.0") { // fails while it logs that it is invalid (themes/schemas.py)
			return nil, nil, backendError(http.StatusInternalServerError, "'list' object has no attribute 'get'")
		}
		s.supplySecrets(u, name, kinds[i], o)
		if u.relaxed && kinds[i] == Dataset {
			openText(o, "template_params")
		}
		bad := s.checkSchema(kinds[i], o)
		if u.relaxed {
			bad.del("dataset_uuid")
			bad.del("catalog") // of a saved query of 4.1.4
		} else if err := s.checkDatabase(kinds[i], o, bad); err != nil {
			return nil, nil, err
		}
		if len(bad.keys) > 0 {
			p.add(name, bad)
			continue
		}
		configs = append(configs, config{name, kinds[i], o})
	}
	return configs, p, nil
}

// supplySecrets puts passwords from the form, or those of the existing
// connection, into a database file. One for a file of another kind is put there too,
// where it is an unknown field (commands/importers/v1/utils.py; measured, 6.1.0).
func (s *Server) supplySecrets(u *upload, name, kind string, o *object) {
	if kind != Database {
		if pw := u.secrets["passwords"].get(name); pw != nil {
			o.set("password", pw)
		}
		return
	}
	existing := s.state.byUUID(Database, o.str("uuid"))
	switch pw := u.secrets["passwords"].get(name); {
	case pw != nil:
		o.set("password", pw)
	case existing != nil:
		o.set("password", existing.fields["password"])
	case u.relaxed && strings.Contains(o.str("sqlalchemy_uri"), ":"+mask+"@"):
		o.set("password", "seeded")
	}
	if tunnel := o.obj("ssh_tunnel"); tunnel != nil {
		var old *object
		if existing != nil {
			old, _ = existing.fields["ssh_tunnel"].(*object)
		}
		for key, form := range map[string]string{"password": "ssh_tunnel_passwords", "private_key": "ssh_tunnel_private_keys",
			"private_key_password": "ssh_tunnel_private_key_passwords"} {
			if v := u.secrets[form].get(name); v != nil {
				tunnel.set(key, v)
			} else if v := old.get(key); v != nil {
				tunnel.set(key, v)
			}
		}
	}
	paths, _ := u.secrets["encrypted_extra_secrets"].get(name).(*object)
	if text := o.str("masked_encrypted_extra"); text != "" && paths != nil {
		if v, err := decodeJSON(text); err == nil {
			for _, p := range paths.keys {
				setPath(v, strings.Split(strings.TrimPrefix(p, "$."), "."), paths.get(p))
			}
			o.set("masked_encrypted_extra", mustJSON(v))
		}
	}
}

// setPath replaces a masked member named by a JSONPath of plain keys.
func setPath(v any, keys []string, secret any) {
	o, ok := v.(*object)
	for i, k := range keys {
		if !ok || !o.has(k) {
			return
		}
		if i == len(keys)-1 {
			o.set(k, secret)
			return
		}
		o, ok = o.get(k).(*object)
	}
}

// checkDatabase asks for the secrets that a new connection needs.
func (s *Server) checkDatabase(kind string, o, bad *object) error {
	if kind != Database || len(bad.keys) > 0 || s.state.byUUID(Database, o.str("uuid")) != nil {
		return nil
	}
	var asks []any
	if strings.Contains(o.str("sqlalchemy_uri"), ":"+mask+"@") && o.get("password") == nil {
		asks = append(asks, "Must provide a password for the database")
	}
	if tunnel := o.obj("ssh_tunnel"); tunnel != nil {
		if !s.tunnels {
			return commandError(http.StatusBadRequest, "SSH Tunneling is not enabled")
		}
		masked := func(k string) bool { return tunnel.get(k) == nil || tunnel.get(k) == mask }
		switch {
		case tunnel.get("password") == mask:
			asks = append(asks, "Must provide a password for the ssh tunnel")
		case tunnel.get("password") != nil:
		case tunnel.get("private_key") == nil && tunnel.get("private_key_password") == nil:
			return commandError(http.StatusUnprocessableEntity, "Must provide credentials for the SSH Tunnel")
		default:
			if masked("private_key") {
				asks = append(asks, "Must provide a private key for the ssh tunnel")
			}
			if masked("private_key_password") {
				asks = append(asks, "Must provide a private key password for the ssh tunnel")
			}
		}
	}
	if o.has("masked_encrypted_extra") && o.has("encrypted_extra") {
		asks = append(asks, "File contains both `encrypted_extra` and `masked_encrypted_extra`")
	}
	if len(asks) > 0 {
		bad.set("_schema", asks)
	}
	return nil
}

func errUnknown(kind string) *apiError {
	return commandError(http.StatusInternalServerError, "Import "+kind+" failed for an unknown reason")
}
