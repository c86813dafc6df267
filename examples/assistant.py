import perdure


def get_weather(city: str) -> str:
    """Current weather for a city."""
    return f"14 °C and rain in {city}"


assistant = perdure.Agent("assistant", instructions="Be brief.", tools=[get_weather])
app = perdure.App(agents=[assistant])
