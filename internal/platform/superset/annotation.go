package superset

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// layerSpace is the namespace of the uids of annotation layers, which have no
// uuid of their own: SPEC section 1 makes one of kind and name.
var layerSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("dashkeep:superset"))

func layerUID(name string) string {
	return uuid.NewSHA1(layerSpace, []byte(string(annotationLayer)+":"+name)).String()
}

// annotationLayers lists the annotation layers by row id. A name that two share
// names neither.
func (c *conn) annotationLayers(ctx context.Context) (map[string]string, error) {
	names, count := map[string]string{}, map[string]int{}
	for n := 0; ; n++ {
		var out struct {
			Count int `json:"count"`
			Rows  []struct {
				ID   int    `json:"id"`
				Name string `json:"name"`
			} `json:"result"`
		}
		q := fmt.Sprintf("(order_column:name,order_direction:asc,page:%d,page_size:%d,columns:!(id,name))", n, pageSize)
		if err := c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/annotation_layer/", Query: rison(q)}, &out); err != nil {
			return nil, err
		}
		for _, r := range out.Rows {
			names[strconv.Itoa(r.ID)] = r.Name
			count[r.Name]++
		}
		if len(out.Rows) == 0 || (n+1)*pageSize >= out.Count {
			break
		}
	}
	uids := map[string]string{}
	for row, name := range names {
		if count[name] == 1 {
			uids[row] = layerUID(name)
		}
	}
	return uids, nil
}

// usesAnnotationLayer looks into a chart as the server exports it.
func usesAnnotationLayer(chart *yaml.Node) bool {
	for _, l := range items(asset.Get(chart, "params", "annotation_layers")) {
		if layerKind(l) == annotationLayer {
			return true
		}
	}
	return strings.Contains(asset.Text(asset.Get(chart, "query_context")), `"NATIVE"`)
}
