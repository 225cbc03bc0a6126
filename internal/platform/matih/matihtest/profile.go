package matihtest

import "net/http"

// Profile is a complete server as one page of the vendor describes it, or as
// another product with the same path is.
type Profile struct {
	Name    string
	Options []Option
	// ClientOptions is what a user writes under options of such an instance, as
	// YAML; "" where the connector must find out by itself.
	ClientOptions string
}

// Server makes a server of the profile, with more options on top.
func (p Profile) Server(more ...Option) *Server {
	return New(append(append([]Option{}, p.Options...), more...)...)
}

// Profiles are the combinations that every test of the connector runs against.
func Profiles() []Profile {
	return append(vendorProfiles(), otherProfiles()...)
}

// vendorProfiles follow one page of the vendor each, as the product's facts
// list them; what a page does not say is as in the seed.
func vendorProfiles() []Profile {
	return []Profile{
		{Name: "seed", Options: []Option{WithShareForm(ShareList)}},
		{
			Name: "gateway",
			Options: []Option{WithPaging(PageFrom0), WithList(ListGateway), WithSingle(SingleData), WithErrors(ErrorsGateway),
				WithCreated(http.StatusCreated, CreatedWhole), WithTokenEnvelope(), WithCamelCase(), WithUpdatedAt(), WithForbidden(), WithETag()},
		},
		{
			Name: "appendix",
			Options: []Option{WithPaging(PageFrom1), WithList(ListAppendix), WithErrors(ErrorsAppendix), WithTenancy(ByHeader),
				WithDeleted(http.StatusOK), WithCamelCase(), WithSingleUseRefresh()},
			ClientOptions: "tenant: {by: header, id: " + Tenant + "}\n",
		},
		{
			Name: "service",
			Options: []Option{WithTenancy(ByQuery), WithUserQuery(), WithList(ListDataDashboards), WithSingle(SingleService), WithUserClaim("user_id"),
				WithCreated(http.StatusOK, CreatedWhole), WithDeleted(http.StatusOK), WithShareForm(ShareUsers), WithInputEcho(), WithWidgetParents()},
			ClientOptions: "tenant: {by: query, id: " + Tenant + ", user: " + Admin().ID + "}\nsharing: users\n",
		},
	}
}

// otherProfiles are what the vendor leaves open, and other products.
func otherProfiles() []Profile {
	return []Profile{
		{Name: "full-put", Options: []Option{WithList(ListItems), WithNullDefaults(), WithCreated(http.StatusCreated, CreatedLocation), WithUpdatedAt(), WithOrder(NewestFirst)}},
		{Name: "partial-put strict", Options: []Option{WithPartialPut(), WithStrict(), WithList(ListDataItems), WithSingle(SingleSplit), WithCapRefused(), WithShortRows()}},
		{Name: "partial-put", Options: []Option{WithPartialPut(), WithList(ListResults), WithSingle(SingleDataBare), WithWidgetNames(map[string]string{"id": "widget_id"}), WithOrder(Shuffled)}},
		{
			Name:          "no-paging",
			Options:       []Option{WithPaging(NoPaging), WithDeleted(http.StatusOK), WithCreated(http.StatusOK, CreatedShort)},
			ClientOptions: "paging: none\n",
		},
		{Name: "capped", Options: []Option{WithFixedPage(50), WithList(ListData), WithoutTotal(), WithCreated(http.StatusCreated, CreatedNothing)}},
		{
			Name: "other-names",
			Options: []Option{
				WithPaths(Paths{Dashboards: "/api/v2/boards", Widgets: "panels", Share: "permissions", Login: "/api/v2/login", Refresh: "/api/v2/token"}),
				WithDashboardNames(map[string]string{"name": "title", "visibility": "access", "widgets": "panels", "created_by": "owner", "widget_count": "panel_count"}),
				WithWidgetNames(map[string]string{"id": "panel_id", "name": "title", "widget_type": "type", "position": "layout", "data_source": "query", "config": "options"}),
				WithList(ListDashboards), WithKeyHeader("X-API-Key"),
			},
			ClientOptions: `paths: {dashboards: /api/v2/boards, widgets: panels, share: permissions, login: /api/v2/login, refresh: /api/v2/token}
fields:
  dashboard: {name: title, visibility: access, widgets: panels, created_by: owner, widget_count: panel_count}
  widget: {id: panel_id, name: title, widget_type: type, position: layout, data_source: query, config: options}
api_key_header: X-API-Key
`,
		},
	}
}
