package codec

import (
	"context"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Client puts the codec into the options of a client that asks and tells. What
// cannot be read is an error of the call.
func (c *Codec) Client(o *client.Options) {
	c.convert(o, converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c))
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(c.memos))
}

// Worker puts the codec into the options of the client of a worker. To the SDK
// an input that cannot be read ends a workflow, and a signal that cannot be read
// was never sent; so there the task panics, and Temporal tries it again until
// the key is here. Activities fail by an error, and are tried again too.
func (c *Codec) Worker(o *client.Options) {
	parent := converter.GetDefaultDataConverter()
	c.convert(o, insistent{converter.NewCodecDataConverter(parent, panicking{c}), converter.NewCodecDataConverter(parent, c)})
}

func (c *Codec) convert(o *client.Options, dc converter.DataConverter) {
	of := func(encode bool) converter.FailureConverter {
		return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: dc, EncodeCommonAttributes: encode})
	}
	o.DataConverter = dc
	o.FailureConverter = failures{of(false), of(true), c}
}

// failures encodes texts and stacks of errors while the codec encrypts.
type failures struct {
	converter.FailureConverter // reads both
	encoding                   converter.FailureConverter
	codec                      *Codec
}

func (f failures) ErrorToFailure(err error) *failurepb.Failure {
	if f.codec.Encrypts() {
		return f.encoding.ErrorToFailure(err)
	}
	return f.FailureConverter.ErrorToFailure(err)
}

// insistent panics in workflows only.
type insistent struct {
	converter.DataConverter
	elsewhere converter.DataConverter
}

func (i insistent) WithWorkflowContext(converter.WorkflowContext) converter.DataConverter { return i }

func (i insistent) WithContext(context.Context) converter.DataConverter { return i.elsewhere }

type panicking struct{ *Codec }

func (p panicking) Decode(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out, err := p.Codec.Decode(in)
	if err != nil {
		panic(err)
	}
	return out, nil
}

// memos decrypts the memos of answers about workflows, which the SDK leaves to
// its callers as they came.
func (c *Codec) memos(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, next grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if err := next(ctx, method, in, out, conn, opts...); err != nil {
		return err
	}
	var about []*workflowpb.WorkflowExecutionInfo
	switch answer := out.(type) {
	case *workflowservice.ListWorkflowExecutionsResponse:
		about = answer.GetExecutions()
	case *workflowservice.DescribeWorkflowExecutionResponse:
		about = append(about, answer.GetWorkflowExecutionInfo())
	}
	for _, x := range about {
		for name, p := range x.GetMemo().GetFields() {
			clear, err := c.Decode([]*commonpb.Payload{p})
			if err != nil { // of a kind that is not tried again
				return status.Errorf(codes.FailedPrecondition, "memo %s of %s: %v", name, x.GetExecution().GetWorkflowId(), err)
			}
			x.Memo.Fields[name] = clear[0]
		}
	}
	return nil
}
