// Asks STS who it is, with what the default credential chain finds, and prints the answer as JSON. Its argument says for how many seconds the
// same client goes on asking.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/credentials-go/credentials"
)

const library = "github.com/aliyun/credentials-go"

func main() {
	seconds := 0
	if len(os.Args) > 1 {
		seconds, _ = strconv.Atoi(os.Args[1])
	}
	arn, err := whoAmI(os.Getenv("STS_ENDPOINT"), time.Duration(seconds)*time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]string{"arn": arn, "version": version()})
}

func whoAmI(endpoint string, goOn time.Duration) (string, error) {
	credential, err := credentials.NewCredential(nil)
	if err != nil {
		return "", err
	}
	client, err := openapi.NewClient(&openapiutil.Config{Credential: credential, Endpoint: tea.String(endpoint), Protocol: tea.String("https")})
	if err != nil {
		return "", err
	}
	end := time.Now().Add(goOn)
	for {
		arn, err := ask(client)
		if err != nil || !time.Now().Before(end) {
			return arn, err
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func ask(client *openapi.Client) (string, error) {
	answer, err := client.CallApi(&openapiutil.Params{
		Action:      tea.String("GetCallerIdentity"),
		Version:     tea.String("2015-04-01"),
		Protocol:    tea.String("HTTPS"),
		Method:      tea.String("POST"),
		AuthType:    tea.String("AK"),
		Style:       tea.String("RPC"),
		Pathname:    tea.String("/"),
		ReqBodyType: tea.String("formData"),
		BodyType:    tea.String("json"),
	}, &openapiutil.OpenApiRequest{}, &dara.RuntimeOptions{})
	if err != nil {
		return "", err
	}
	body, _ := answer["body"].(map[string]interface{})
	return fmt.Sprint(body["Arn"]), nil
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == library {
			return module.Version[1:]
		}
	}
	return ""
}
