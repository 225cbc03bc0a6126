package apihttp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-240 * time.Hour), NotAfter: time.Now().Add(240 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, file}
}

// serve starts a server with a certificate changed by change.
func (a *authority) serve(t *testing.T, asked *atomic.Int32, change func(*x509.Certificate, *tls.Config)) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	conf := &tls.Config{}
	if change != nil {
		change(tmpl, conf)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	conf.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(w, 200, `{}`)
	}))
	s.TLS = conf
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, url string, conf apihttp.TLS) (error, int) {
	t.Helper()
	tr, err := apihttp.Transport(conf)
	if err != nil {
		t.Fatal(err)
	}
	ck := newClock()
	c, err := apihttp.New(apihttp.Options{Instance: "prod", BaseURL: url, Transport: tr, Now: ck.Now, Sleep: ck.Sleep})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Get(t.Context(), "/api", nil, nil)
	return err, len(ck.waits)
}

func TestNB6_BadCertificatesAreRefusedWithTheReason(t *testing.T) {
	ca := newAuthority(t)
	old := time.Date(2020, 2, 3, 0, 0, 0, 0, time.UTC)
	later := time.Now().Add(48 * time.Hour).UTC()
	for name, tc := range map[string]struct {
		conf   apihttp.TLS
		change func(*x509.Certificate, *tls.Config)
		want   string
	}{
		"expired": {apihttp.TLS{CAFile: ca.file}, func(c *x509.Certificate, _ *tls.Config) {
			c.NotBefore, c.NotAfter = old.Add(-time.Hour), old
		}, "the TLS certificate of 127.0.0.1 expired on 2020-02-03: it must be renewed"},
		"not yet": {apihttp.TLS{CAFile: ca.file}, func(c *x509.Certificate, _ *tls.Config) {
			c.NotBefore, c.NotAfter = later, later.Add(time.Hour)
		}, "the TLS certificate of 127.0.0.1 is not valid before " + later.Format("2006-01-02") + ": check this machine's clock"},
		"wrong host": {apihttp.TLS{CAFile: ca.file}, func(c *x509.Certificate, _ *tls.Config) {
			c.IPAddresses, c.DNSNames = nil, []string{"bi.example.com", "b.example.com"}
		}, "the TLS certificate of 127.0.0.1 is for bi.example.com, b.example.com, not for this host: check url"},
		"unknown authority": {apihttp.TLS{}, nil, "the TLS certificate of 127.0.0.1 is signed by an authority this machine does not know: set tls.ca_file to its certificate"},
		"TLS 1.1": {apihttp.TLS{CAFile: ca.file}, func(_ *x509.Certificate, c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, "127.0.0.1 offers only TLS versions below 1.2, which are refused because they are broken"},
		"not for servers": {apihttp.TLS{CAFile: ca.file}, func(c *x509.Certificate, _ *tls.Config) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
		}, "the TLS certificate of 127.0.0.1 is not valid: x509: certificate specifies an incompatible key usage"},
	} {
		var asked atomic.Int32
		err, waits := get(t, ca.serve(t, &asked, tc.change), tc.conf)
		var n *apihttp.NetworkError
		if !errors.As(err, &n) || n.Kind != apihttp.TLSFailure || err.Error() != "instance prod: GET /api: "+tc.want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, tc.want)
		}
		if asked.Load() != 0 || waits != 0 {
			t.Errorf("%s: %d requests came through, %d repetitions", name, asked.Load(), waits)
		}
	}
}

func TestNB6_GoodCertificateAndExplicitInsecure(t *testing.T) {
	ca := newAuthority(t)
	var asked atomic.Int32
	url := ca.serve(t, &asked, nil)
	if err, _ := get(t, url, apihttp.TLS{CAFile: ca.file}); err != nil {
		t.Error(err)
	}
	if err, _ := get(t, url, apihttp.TLS{Insecure: true}); err != nil {
		t.Error(err)
	}
	if asked.Load() != 2 {
		t.Errorf("%d requests", asked.Load())
	}
}

func TestNB6_HTTPBehindAnHTTPSAddress(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	err, _ := get(t, strings.Replace(s.URL, "http:", "https:", 1), apihttp.TLS{})
	var n *apihttp.NetworkError
	if !errors.As(err, &n) || n.Kind != apihttp.TLSFailure || !strings.Contains(err.Error(), "127.0.0.1 does not speak TLS on this port: check url") {
		t.Errorf("%v", err)
	}
}

func TestNB6_AuthorityFileThatCannotBeUsed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		empty:           "tls.ca_file " + empty + " holds no PEM certificate",
		empty + ".none": "tls.ca_file: open " + empty + ".none: no such file or directory",
	} {
		if tr, err := apihttp.Transport(apihttp.TLS{CAFile: file}); tr != nil || err == nil || err.Error() != want {
			t.Errorf("%v", err)
		}
	}
}
