package apihttp

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
)

// Part is one field of a multipart form; FileName makes it a file.
type Part struct {
	Name        string
	FileName    string
	ContentType string // of a file; application/octet-stream when empty
	Data        []byte
}

// Form encodes a multipart body in memory, so that it can be sent again, and
// gives its content type.
func Form(parts ...Part) (body []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q", p.Name))
		if p.FileName != "" {
			h.Set("Content-Disposition", multipart.FileContentDisposition(p.Name, p.FileName))
			h.Set("Content-Type", "application/octet-stream")
		}
		if p.ContentType != "" {
			h.Set("Content-Type", p.ContentType)
		}
		out, err := w.CreatePart(h)
		if err != nil {
			return nil, "", fmt.Errorf("form field %s: %w", p.Name, err)
		}
		if _, err := out.Write(p.Data); err != nil {
			return nil, "", fmt.Errorf("form field %s: %w", p.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", fmt.Errorf("form: %w", err)
	}
	return b.Bytes(), w.FormDataContentType(), nil
}
