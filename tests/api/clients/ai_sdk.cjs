// The Vercel AI SDK with its two providers: prints what it got from the server, as JSON.
const { APICallError, generateText, streamText } = require("ai");
const { createOpenAI } = require("@ai-sdk/openai");
const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");

const { BASE_URL, MODEL, REQUEST, PROMPT } = process.env;
const short = { temperature: 0, maxOutputTokens: 8, maxRetries: 0 };
const compatible = createOpenAICompatible({ name: "shelftalk", baseURL: BASE_URL, includeUsage: true });
const openai = createOpenAI({ baseURL: BASE_URL, apiKey: "unused" });

async function errorOf(call) {
  try {
    await call();
  } catch (error) {
    if (!APICallError.isInstance(error)) throw error;
    return [error.name, error.statusCode, error.message];
  }
  return [];
}

async function main() {
  const asked = { ...short, system: "Be brief.", prompt: REQUEST };
  const whole = await generateText({ ...asked, model: compatible(MODEL) });
  const stream = streamText({ ...asked, model: compatible(MODEL) });
  let streamed = "";
  for await (const piece of stream.textStream) streamed += piece;
  // The SDK puts a prompt between the names of speakers: the server is asked once more for exactly what was sent.
  const completion = await generateText({ ...short, prompt: PROMPT, model: compatible.completionModel(MODEL) });
  const options = { openai: { user: "ada", metadata: { chat: "7" }, store: true, serviceTier: "auto" } };
  console.log(
    JSON.stringify({
      version: require("ai/package.json").version,
      chat: whole.text,
      usage: whole.usage.totalTokens,
      stream: streamed,
      "stream usage": (await stream.usage).totalTokens,
      completion: completion.text,
      sent: completion.request.body,
      notes: (await generateText({ ...asked, model: openai.chat(MODEL), providerOptions: options })).text,
      refused: await errorOf(() => generateText({ ...asked, model: compatible(MODEL), frequencyPenalty: 1 })),
      responses: await errorOf(() => generateText({ ...asked, model: openai(MODEL) })),
    }),
  );
}

main();
