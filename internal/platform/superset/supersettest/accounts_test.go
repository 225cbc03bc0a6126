package supersettest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// TestAccounts does the same to the simulator and, where there is one, a real server.
func TestAccounts(t *testing.T) {
	srv := httptest.NewServer(New())
	t.Cleanup(srv.Close)
	accounts(t, srv.URL)
}

func TestLiveAccounts(t *testing.T) {
	base := os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if base == "" {
		t.Skip("DASHKEEP_TEST_SUPERSET_URL2 names no real server")
	}
	accounts(t, base)
}

func accounts(t *testing.T, base string) {
	t.Helper()
	ctx := t.Context()
	admin, err := Login(ctx, base, "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	ada := User{Username: "ada", Password: "first", First: "Ada", Last: "Öz", Email: "ada@example.com", Role: "Finance"}
	for _, err := range []error{admin.DropUser(ctx, "ada"), admin.DropRole(ctx, "Finance")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	id, err := admin.AddUser(ctx, ada)
	if err != nil || id == 0 {
		t.Fatal(id, err)
	}
	ada.Password, ada.Role = "second", Alpha
	again, err := admin.AddUser(ctx, ada)
	if err != nil || again != id {
		t.Fatalf("adding it again gave %d, not %d: %v", again, id, err)
	}
	as, err := Login(ctx, base, "ada", "second")
	if err != nil {
		t.Fatal("the changed password does not work:", err)
	}
	var refused *StatusError
	if _, err := as.AddUser(ctx, User{Username: "eve", Email: "eve@example.com"}); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("an Alpha made an account: %v", err)
	}
	first, err := admin.Role(ctx, "Finance") // without permissions: whoever has only this may not even log in
	if err != nil || first == 0 {
		t.Fatal(first, err)
	}
	if id, err := admin.Role(ctx, "Finance"); err != nil || id != first {
		t.Errorf("asking for a role again gave %d, not %d: %v", id, first, err)
	}
	for _, err := range []error{admin.DropUser(ctx, "ada"), admin.DropUser(ctx, "ada"), admin.DropRole(ctx, "Finance"), admin.DropRole(ctx, "Finance")} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := Login(ctx, base, "ada", "second"); err == nil {
		t.Error("a deleted account can log in")
	}
}
